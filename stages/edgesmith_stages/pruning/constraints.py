"""What pruning must leave alone, or take out in step, for a module to stay valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import suggestion
from edgesmith_stages.models.resize import Structure

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Constraints:
    """Parts of a module that pruning treats specially.

    Attributes:
        outputs: parts whose output channels stay, and why.
        whole: parts whose input and output channels both stay, and why.
        heads: by query-key-value projection, its number of heads.
    """

    outputs: Mapping[Any, str]
    whole: Mapping[Any, str]
    heads: Mapping[Any, int]


def constraints(module: nn.Module, keep: Sequence[str]) -> Constraints:
    """Find a module's constraints.

    Args:
        module: a classifier.
        keep: names of parts to leave whole, with wildcards (`stages.3.*`).

    Raises:
        UserError: a pattern in `keep` fits no part.
    """
    from torch import nn

    heads: dict[Any, int] = {}
    outputs = dict.fromkeys(classifiers(module), "it gives the classes")
    whole = dict.fromkeys(_named(module, keep), "kept by `keep`")
    for part in module.modules():
        if _is_regular_attention(part):
            heads[part.qkv] = int(part.num_heads)
        elif isinstance(getattr(part, "qkv_proj", None), nn.Conv2d):
            outputs[part.qkv_proj] = "it is split into one score, keys and values of fixed widths"
        elif hasattr(part, "num_heads"):
            for inner in part.modules():
                whole.setdefault(inner, f"{type(part).__name__} takes its widths from its input")
        elif isinstance(part, nn.Conv2d) and 1 < part.groups == part.in_channels < part.out_channels:
            # torch-pruning takes it for a grouped convolution.
            whole.setdefault(part, "a depthwise convolution with several outputs for each input")
    return Constraints(outputs, whole, heads)


def classifiers(module: Any) -> Iterator[Any]:
    """Yield the layers that give logits: those of timm's `get_classifier`, or else the last linear layer.

    A classifier with layers inside (RepViT has two, each with a norm) is not taken whole: its norms lose channels with
    what they norm. The layers as wide as its last one are those that give logits.
    """
    from torch import nn

    if not hasattr(module, "get_classifier"):
        yield from [part for part in module.modules() if isinstance(part, nn.Linear)][-1:]
        return
    found = module.get_classifier()
    for part in found if isinstance(found, tuple | list) else [found]:
        layers = [layer for layer in part.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
        yield from (layer for layer in layers if layer.weight.shape[0] == layers[-1].weight.shape[0])


def mend(module: nn.Module, before: Structure, heads: Mapping[Any, int]) -> None:
    """Make a pruned module's own numbers agree with its layers again, in place.

    Attention splits its projection by `num_heads` and `head_dim`; re-parameterisable blocks (FastViT, MobileOne) size
    the merged convolution by `in_chs`, `out_chs`, `groups`, `dim`.

    Args:
        module: just pruned.
        before: its structure before that.
        heads: by query-key-value projection, how many heads it has now.
    """
    from torch import nn

    for name, part in module.named_modules():
        held = before.attributes[name]
        if _is_regular_attention(part):
            _mend_attention(part, heads.get(part.qkv, part.num_heads))
        elif not isinstance(part, nn.Conv2d):
            convolution = next(((n, c) for n, c in part.named_modules() if isinstance(c, nn.Conv2d)), None)
            if convolution is not None and {"groups", "dim", "in_chs", "out_chs"} & held.keys():
                inner = f"{name}.{convolution[0]}" if name else convolution[0]
                _follow(part, held, before.attributes[inner], convolution[1])


_FOLLOWS = {
    "groups": "groups",
    "in_chs": "in_channels",
    "dim": "in_channels",
    "out_chs": "out_channels",
    "dim_out": "out_channels",
}


def _follow(part: Any, held: Mapping[str, Any], was: Mapping[str, Any], convolution: Any) -> None:
    for own, its in _FOLLOWS.items():
        if own in held and held[own] == was[its]:
            setattr(part, own, getattr(convolution, its))


def _mend_attention(part: Any, heads: int) -> None:
    width = part.qkv.out_features // 3
    if width == part.attn_dim and heads == part.num_heads:
        return
    standard = part.scale == part.head_dim**-0.5
    part.num_heads, part.attn_dim, part.head_dim = heads, width, width // heads
    if standard:
        part.scale = part.head_dim**-0.5


def _is_regular_attention(part: Any) -> bool:
    """Tell timm's own `Attention` (or its like), which takes its width from `attn_dim`, not from its input."""
    from torch import nn

    if not (isinstance(getattr(part, "qkv", None), nn.Linear) and hasattr(part, "num_heads")):
        return False
    norms = (getattr(part, name, None) for name in ("q_norm", "k_norm", "norm"))
    plain = all(norm is None or isinstance(norm, nn.Identity) for norm in norms)
    return hasattr(part, "attn_dim") and plain and getattr(part, "gate", None) is None


def _named(module: nn.Module, patterns: Iterable[str]) -> Iterator[Any]:
    names = dict(module.named_modules())
    for pattern in patterns:
        found = [part for name, part in names.items() if fnmatchcase(name, pattern)]
        if not found:
            raise UserError(f"keep: {pattern!r} fits no part of the model{suggestion(pattern, names)}")
        for part in found:
            yield from part.modules()
