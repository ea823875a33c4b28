"""Pruned candidates, timed beside the dense model in the form in which they will run."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import exp
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from edgesmith import Cancelled

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith import Context, Model, TorchModel
    from edgesmith.turns import Beside, Entrant
    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.widths import Group, Widths

Clock = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Trial:
    """A candidate, measured.

    Attributes:
        round_to: what its channel counts were rounded to.
        ratio: share of the channels taken out, before rounding.
        widths: by group, what is left.
        model: the file.
        macs, params: shares of the dense model's that are left.
        latency: time over the dense model's.
        ms, dense_ms: milliseconds of a run by the clock, of it and of the dense model in turns with it.
    """

    round_to: int
    ratio: float
    widths: Widths
    model: Model
    macs: float
    params: float
    latency: float
    ms: float
    dense_ms: float

    def row(self) -> dict[str, Any]:
        """As a line of the report."""
        shares = ("ratio", "latency", "macs", "params", "ms", "dense_ms")
        figures = {name: round(getattr(self, name), 4) for name in shares}
        return {"round_to": self.round_to, **figures, "bytes": self.model.bytes()}


@dataclass
class Trials:
    """Makes candidates and times them; files live in the scratch folder.

    Attributes:
        ctx: of the stage.
        source: the dense torch model.
        module: it, rebuilt.
        example: an input of the network, float [1, C, H, W].
        dense: the form in which it runs.
        threads: that a model runs on.
        clock: the process' CPU time, which other programs hardly disturb, or wall time.
        pairs: fresh pairs of processes that a candidate and the dense model are timed in; their median counts.
        done: trials, in order.
    """

    ctx: Context
    source: TorchModel
    module: nn.Module
    example: torch.Tensor
    dense: Model
    threads: int
    clock: Clock
    pairs: int
    done: list[Trial] = field(default_factory=list)

    def measure(self, plan: Plan, groups: Sequence[Group], ratio: float, widths: Widths) -> float:
        """Make a candidate and time it; return its latency as a share of the dense model's."""
        from edgesmith_stages.models.recipe import Recipe
        from edgesmith_stages.models.size import count_macs, count_params
        from edgesmith_stages.pruning.deploy import deployed

        if self.ctx.cancelled:
            raise Cancelled("the run was interrupted")
        pruned = copy.deepcopy(self.module)
        step = plan.trace(pruned, self.example).cut(groups, widths)
        left = (count_macs(pruned, self.example), count_params(pruned))
        macs, params = (now / before for now, before in zip(left, self._sizes, strict=True))
        recipe = Recipe.read(self.source.path).then(step)
        folder = self.ctx.scratch / "candidates" / str(len(self.done))
        model = deployed(self.ctx, self.source, type(self.dense), pruned, recipe, folder)
        times = [self._round(model) for _ in range(self.pairs)]
        latency = median(self._over(own) for _, own in times)
        dense_ms, ms = (median(each.ns for each in column) / 1e6 for column in zip(*times, strict=True))
        trial = Trial(plan.rule.round_to, ratio, widths, model, macs, params, latency, ms, dense_ms)
        self.done.append(trial)
        text = "round_to %d, ratio %.3f: %.1f %% of the MACs, %.2fx the time of dense"
        self.ctx.log.info(text, trial.round_to, ratio, 100 * macs, latency)
        return latency

    def again(self, trial: Trial) -> list[float]:
        """Time a candidate and the dense model once more; return the latency of each pair of processes."""
        return [self._over(self._round(trial.model)[1]) for _ in range(self.pairs)]

    def _round(self, model: Model) -> list[Beside]:
        """Return the dense model's times and a candidate's."""
        from edgesmith.turns import measure_round

        entrants = [self._entrant(self.dense), self._entrant(model)]
        return measure_round(entrants, self._chance, one_processor=self.threads == 1)

    def _entrant(self, model: Model) -> Entrant:
        from edgesmith.turns import Entrant

        return Entrant(partial(self.ctx.open, model, threads=self.threads), self.source.golden()[0])

    def _over(self, beside: Beside) -> float:
        return exp(beside.clock if self.clock == "wall" or beside.cpu is None else beside.cpu)

    @cached_property
    def _chance(self) -> random.Random:
        return random.Random(self.ctx.seed)

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        from edgesmith_stages.models.size import count_macs, count_params

        return count_macs(self.module, self.example), count_params(self.module)
