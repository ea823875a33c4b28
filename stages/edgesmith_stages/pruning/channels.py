"""Take channels out of a module, and say how, so that it can be done again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from edgesmith import UserError
from edgesmith_stages.models.resize import changes, structure
from edgesmith_stages.models.steps import Prune
from edgesmith_stages.pruning.constraints import Constraints, constraints, mend
from edgesmith_stages.pruning.importance import Importance, Scores
from edgesmith_stages.pruning.rounding import kept_channels, weakest

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Plan:
    """What to prune.

    Attributes:
        ratio: share of channels to take out, in (0, 1).
        importance: which channels go first.
        scope: `layer` takes the share out of every layer, `global` out of all layers' channels together.
        round_to: make channel counts multiples of this; 1 for any.
        keep: names of parts to leave whole, with wildcards.
        seed: for `random`.
    """

    ratio: float
    importance: Importance = "magnitude"
    scope: Literal["layer", "global"] = "layer"
    round_to: int = 1
    keep: Sequence[str] = ()
    seed: int = 0


def prune_channels(module: nn.Module, example: torch.Tensor, plan: Plan) -> Prune:
    """Prune a module in place.

    Args:
        module: on the CPU; for `taylor` with gradients in its parameters.
        example: an input of the network, float [1, C, H, W].
        plan: what to prune.

    Returns:
        The change, for the model's recipe.

    Raises:
        UserError: the module can't be traced, nothing can be pruned, or the pruned module doesn't run.
    """
    import torch

    before = structure(module)
    limits = constraints(module, plan.keep)
    scores = Scores(plan.importance, plan.seed, {part: name for name, part in module.named_modules()})
    with _explained(module, scores), torch.enable_grad(), warnings.catch_warnings():
        # torch-pruning warns of bare parameters (layer scale, class token): it prunes them along their channels.
        warnings.filterwarnings("ignore", message="Unwrapped parameters detected")
        pruner = _pruner(module, example, plan, limits, scores)
        pruner.ignored_layers += _roots_touching(pruner, limits)
        # torch-pruning passes over a layer that should lose every channel; `_take` leaves it a tenth.
        pruner.DG.check_pruning_group = lambda _group: True
        for group in pruner.step(interactive=True):
            _take(pruner, group, scores, plan.round_to)
    mend(module, before)
    history = tuple((name, bool(out), tuple(map(int, idxs))) for name, out, idxs in pruner.pruning_history())
    if not history:
        raise UserError(
            f"no channel of {type(module).__name__} can be pruned by ratio={plan.ratio}, round_to={plan.round_to}",
            hint="raise ratio, lower round_to, or keep fewer parts",
        )
    check_runs(module, example)
    shapes, attributes = changes(before, structure(module))
    return Prune(history=history, shapes=shapes, attributes=attributes)


def check_runs(module: nn.Module, example: torch.Tensor) -> None:
    """Run a pruned module once; raise UserError that names the innermost part that fails."""
    import torch

    entered: list[str] = []
    hooks = [
        part.register_forward_pre_hook(lambda _part, _inputs, name=name: entered.append(name))
        for name, part in module.named_modules()
    ]
    try:
        with torch.no_grad():
            module.eval()(example)
    except Exception as error:
        place = entered[-1] if entered else "the model"
        raise _cannot(module, place, error) from error
    finally:
        for hook in hooks:
            hook.remove()


def _pruner(module: Any, example: Any, plan: Plan, limits: Constraints, scores: Scores) -> Any:
    import torch_pruning as tp

    return tp.pruner.BasePruner(
        module,
        example,
        importance=scores,
        global_pruning=plan.scope == "global",
        pruning_ratio=plan.ratio,
        ignored_layers=list(limits.outputs),
        num_heads=dict(limits.heads),
        prune_head_dims=True,
        prune_num_heads=False,
        # Its defaults are one dict for all pruners of the process, which it writes into.
        in_channel_groups={},
        out_channel_groups={},
    )


def _roots_touching(pruner: Any, limits: Constraints) -> list[Any]:
    groups = pruner.DG.get_all_groups(ignored_layers=pruner.ignored_layers, root_module_types=pruner.root_module_types)
    return [
        group[0].dep.target.module for group in groups if any(item.dep.target.module in limits.whole for item in group)
    ]


def _take(pruner: Any, group: Any, scores: Scores, round_to: int) -> None:
    root = group[0].dep
    known = scores.known[root.target.module, root.handler]
    heads = pruner._get_channel_groups(group)
    width = len(known) // heads
    kept = kept_channels(width, len(group[0].idxs) // heads, heads, round_to)
    if kept < width:
        weak = weakest(known, kept, heads)
        pruner.DG.get_pruning_group(root.target.module, root.handler, weak).prune()


@contextmanager
def _explained(module: Any, scores: Scores) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise _cannot(module, scores.at or "its trace", error) from error


def _cannot(module: Any, place: str, error: Exception) -> UserError:
    return UserError(
        f"{type(module).__name__} can't be pruned: {place}: {type(error).__name__}: {error}",
        hint=f"leave that part whole with `keep: [{place!r}]` (wildcards allowed), or prune another model",
    )
