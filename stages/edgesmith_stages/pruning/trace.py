"""A module's channels in groups that only go together, and the knife (torch-pruning, https://arxiv.org/abs/2301.12900)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith_stages.models.resize import changes, structure
from edgesmith_stages.models.steps import Prune
from edgesmith_stages.pruning.constraints import Constraints, mend
from edgesmith_stages.pruning.importance import Scores
from edgesmith_stages.pruning.rounding import weakest
from edgesmith_stages.pruning.widths import Group, Width, Widths

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class _Root:
    """The layer and the pruning function that stand for a group, the group's width, and its attention's projection."""

    layer: Any
    handler: Any
    width: Width
    projection: Any


class Trace:
    """A module's dependency graph. It is good for one cut: make another one of the pruned module.

    torch-pruning finds the groups and cuts them. Which channels go is decided here, as its own `step` knows one ratio
    for all, where budgets want widths before anything is cut.

    Attributes:
        untouched: by name, layers whose outputs can't be pruned, and why.
    """

    def __init__(self, module: nn.Module, example: torch.Tensor, limits: Constraints) -> None:
        """Trace a module.

        Args:
            module: on the CPU.
            example: an input of the network, float [1, C, H, W].
            limits: its constraints.

        Raises:
            UserError: it can't be traced.
        """
        self.module, self._example, self._limits = module, example, limits
        self._names = {part: name for name, part in module.named_modules()}
        self._roots: dict[str, _Root] = {}
        self._at = "its trace"
        with self._cutting():
            self._pruner = self._make_pruner()
            reached, bound = self._find_roots()
        self.untouched = dict(self._reasons(bound, reached))

    def groups(self, scores: Scores) -> list[Group]:
        """Return the groups, scored; those without a score are left out."""
        found = []
        for name, root in self._roots.items():
            self._at = name.partition(":")[0]
            with self._cutting():
                group = self._graph.get_pruning_group(root.layer, root.handler, list(range(_count(root.width))))
                known = scores(group)
            if known is not None:
                found.append(Group(name, root.width, root.projection is not None, known.detach().cpu()))
        return found

    def cut(self, groups: Sequence[Group], widths: Widths) -> Prune:
        """Take the weakest channels out, in place.

        Args:
            groups: of this module, or of one of the same structure.
            widths: by group, what to leave.

        Returns:
            The change, for the model's recipe.

        Raises:
            UserError: nothing was to be taken out, or the pruned module doesn't run.
        """
        before = structure(self.module)
        heads = {}
        for group in groups:
            if group.name not in widths:
                continue
            root, kept = self._roots[group.name], widths[group.name]
            self._at = group.name.partition(":")[0]
            with self._cutting():
                gone = weakest(group.scores, group.width.heads, kept.heads, kept.dim)
                self._graph.get_pruning_group(root.layer, root.handler, gone).prune()
            if root.projection is not None:
                heads[root.projection] = kept.heads
        mend(self.module, before, heads)
        history = tuple((name, bool(out), tuple(map(int, idxs))) for name, out, idxs in self._graph.pruning_history())
        check_runs(self.module, self._example)
        shapes, attributes = changes(before, structure(self.module))
        return Prune(history=history, shapes=shapes, attributes=attributes)

    @property
    def _graph(self) -> Any:
        return self._pruner.DG

    def _make_pruner(self) -> Any:
        import torch_pruning as tp

        return tp.pruner.BasePruner(
            self.module,
            self._example,
            importance=None,
            ignored_layers=list(self._limits.outputs),
            num_heads=dict(self._limits.heads),
            # Its defaults are one dict for all pruners of the process, which it writes into.
            in_channel_groups={},
            out_channel_groups={},
        )

    def _find_roots(self) -> tuple[set[Any], set[Any]]:
        """Fill `_roots`; return the layers whose outputs can go, and those bound to what must stay whole."""
        pruner, reached, bound = self._pruner, set(), set()
        for group in self._graph.get_all_groups(pruner.ignored_layers, pruner.root_module_types):
            cut = {item.dep.target.module for item in group if self._graph.is_out_channel_pruning_fn(item.dep.handler)}
            if any(item.dep.target.module in self._limits.whole for item in group):
                bound |= cut
                continue
            attention, projections = pruner._is_atten_group(group)
            # Seen from behind, attention's channels have the numbers that its heads have.
            rooted = pruner._downstream_node_as_root_if_attention(group) if attention else group
            if rooted is None or not pruner._check_pruning_ratio(group):
                continue
            dep, count = rooted[0].dep, len(rooted[0].idxs)
            heads = pruner._get_channel_groups(rooted)
            side = "out" if self._graph.is_out_channel_pruning_fn(dep.handler) else "in"
            width = Width(heads, count // heads)
            projection = projections[0] if attention else None
            self._roots[f"{self._names[dep.target.module]}:{side}"] = _Root(
                dep.target.module, dep.handler, width, projection
            )
            reached |= cut
        return reached, bound

    def _reasons(self, bound: set[Any], reached: set[Any]) -> Iterator[tuple[str, str]]:
        from torch import nn

        known = {**self._limits.whole, **self._limits.outputs}
        for part, name in self._names.items():
            if isinstance(part, nn.Conv2d | nn.Linear) and part not in reached:
                tied = "it is added to, or grouped with, a layer that stays whole" if part in bound else ""
                yield name, known.get(part) or tied or "torch-pruning finds no way to cut it"

    @contextmanager
    def _cutting(self) -> Iterator[None]:
        import torch

        try:
            with torch.enable_grad(), warnings.catch_warnings():
                # torch-pruning warns of bare parameters (layer scale): it prunes them along their channels.
                warnings.filterwarnings("ignore", message="Unwrapped parameters detected")
                yield
        except UserError:
            raise
        except Exception as error:
            raise cannot(self.module, self._at, error) from error


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
        raise cannot(module, place, error) from error
    finally:
        for hook in hooks:
            hook.remove()


def cannot(module: Any, place: str, error: Exception) -> UserError:
    """Return the error that says where pruning fails."""
    return UserError(
        f"{type(module).__name__} can't be pruned: {place}: {type(error).__name__}: {error}",
        hint=f"leave that part whole with `keep: [{place!r}]` (wildcards allowed), or prune another model",
    )


def _count(width: Width) -> int:
    return width.heads * width.dim
