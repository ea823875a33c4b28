"""Fold BatchNorm into convolutions, only where that is provably the same function.

The proof is what a forward pass does with each tensor: a pair is found when the convolution's weight is used
once, its output is used by one BatchNorm call and by nothing else (nor returned), and that BatchNorm's tensors
are used once. Names and classes prove nothing: timm's `BatchNormAct2d` also activates, and some models use a
convolution's output twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith_stages.models.calls import Call, record_calls

if TYPE_CHECKING:
    import torch
    from torch import nn

Pair = tuple[str, str]


def find_pairs(module: nn.Module, example: torch.Tensor) -> tuple[Pair, ...]:
    """Find the (convolution, BatchNorm) names that can be folded.

    Args:
        module: in eval mode.
        example: an input of the network, float [N, C, H, W].
    """
    from torch.nn.modules.conv import _ConvNd

    calls, returned = record_calls(module, example)
    uses: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        for tensor in call.inputs:
            uses[id(tensor)].append(call)
    kept = {id(leaf) for leaf in returned}
    norms = {id(part.running_mean): (name, part) for name, part in _parts(module) if _is_plain_norm(part)}

    pairs = []
    for name, conv in _parts(module):
        if not isinstance(conv, _ConvNd) or _hooked(conv):
            continue
        convolved = _only(uses[id(conv.weight)], "aten::convolution", 1, conv.weight)
        if convolved is None or id(convolved.output) in kept:
            continue
        normed = _only(uses[id(convolved.output)], "batch_norm", 0, convolved.output)
        found = [norms[id(tensor)] for tensor in normed.inputs if id(tensor) in norms] if normed else []
        if len(found) != 1:
            continue
        norm_name, norm = found[0]
        tensors = (conv.bias, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        if all(len(uses[id(tensor)]) == 1 for tensor in tensors if tensor is not None):
            pairs.append((name, norm_name))
    return tuple(pairs)


def fold(module: nn.Module, pairs: Iterable[Pair]) -> nn.Module:
    """Fold BatchNorms into convolutions, in place; what else a BatchNorm layer did (drop, activation) stays.

    Raises:
        UserError: a pair names parts that the module doesn't have.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    training = module.training
    module.eval()
    for conv_name, norm_name in pairs:
        try:
            conv, norm = module.get_submodule(conv_name), module.get_submodule(norm_name)
        except AttributeError as error:
            raise UserError(f"a fused model's recipe names a part that the model lacks: {error}") from error
        module.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
        module.set_submodule(norm_name, _rest(norm))
    return module.train(training)


def _only(uses: list[Call], name: str, position: int, tensor: Any) -> Call | None:
    """Return the one use of a tensor if it is of this operation and at this argument."""
    if len(uses) != 1 or name not in uses[0].name or uses[0].inputs[position] is not tensor:
        return None
    return uses[0]


def _rest(norm: nn.Module) -> nn.Module:
    from torch import nn

    parts = [part for part in norm.children() if not isinstance(part, nn.Identity)]
    if len(parts) == 1:
        return parts[0]
    return nn.Sequential(*parts) if parts else nn.Identity()


def _parts(module: nn.Module) -> Iterator[tuple[str, Any]]:
    return iter(module.named_modules())


def _is_plain_norm(part: Any) -> bool:
    from timm.layers import BatchNormAct2d
    from torch import nn

    if not isinstance(part, nn.modules.batchnorm._BatchNorm) or part.running_mean is None or _hooked(part):
        return False
    plain = (nn.modules.batchnorm._BatchNorm.forward, BatchNormAct2d.forward)
    return type(part).forward in plain and set(dict(part.named_children())) <= {"drop", "act"}


def _hooked(part: Any) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks)
