"""What a search tried, and what was best."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from edgesmith_stages.searching.space import Choices, Range

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "nsga2", "random", "all"]
_REPEATS = 200
"""Suggestions in a row that were tried before, after which nothing new is expected."""


@dataclass(frozen=True)
class Trial:
    """One point of the space.

    Attributes:
        values: of the objectives, in order; empty where the trial failed.
        failed: why there are no values.
        missed: gates and constraints that don't hold; values of such a trial are never among the best.
    """

    number: int
    params: Mapping[str, Any]
    values: tuple[float, ...] = ()
    failed: str = ""
    missed: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may be chosen."""
        return not self.failed and not self.missed

    @property
    def state(self) -> str:
        """In a word."""
        return "failed" if self.failed else "constraint missed" if self.missed else "ok"


Try = Callable[[int, Mapping[str, Any]], Trial]


@dataclass
class Search:
    """Draws points by one of Optuna's samplers (Akiba et al., 2019), and holds the outcomes against each other.

    Everything follows from the seed and from what trials gave: a search that is repeated, or goes on with a larger
    budget, asks for the same points in the same order.

    Attributes:
        greater: for each objective, whether greater is better.
    """

    axes: Mapping[str, Range | Choices]
    greater: Sequence[bool]
    sampler: Sampler
    seed: int
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._missed: dict[int, list[float]] = {}
        directions = ["maximize" if one else "minimize" for one in self.greater]
        self._study = optuna.create_study(directions=directions, sampler=self._sampler())

    def run(self, budget: int, attempt: Try) -> Iterator[Trial]:
        """Try points until `budget` of them were tried, or all there are; yield each."""
        if self.sampler == "all":
            combinations = itertools.product(*(axis.values for axis in self.axes.values()))
            for number, values in enumerate(itertools.islice(combinations, budget), 1):
                self.trials.append(attempt(number, dict(zip(self.axes, values, strict=True))))
                yield self.trials[-1]
            return
        known: dict[str, Trial] = {}
        repeats, most = 0, min(budget, math.prod(axis.size for axis in self.axes.values()))
        while len(known) < most and repeats < _REPEATS:
            asked = self._study.ask()
            params = {name: axis.draw(asked, name) for name, axis in self.axes.items()}
            key = repr(sorted(params.items()))
            repeats = repeats + 1 if key in known else 0
            if key not in known:
                known[key] = attempt(len(known) + 1, params)
                self.trials.append(known[key])
                yield known[key]
            self._tell(asked, known[key])

    def _tell(self, asked: optuna.Trial, trial: Trial) -> None:
        from optuna.trial import TrialState

        self._missed[asked.number] = [float(bool(trial.missed))]
        if trial.failed:
            self._study.tell(asked, state=TrialState.FAIL)
        else:
            self._study.tell(asked, list(trial.values))

    def front(self) -> list[Trial]:
        """Return the trials that no allowed one beats in all objectives, in the order tried."""
        allowed = [one for one in self.trials if one.allowed]
        return [one for one in allowed if not any(self._beats(other, one) for other in allowed)]

    def _beats(self, one: Trial, other: Trial) -> bool:
        """Tell whether a trial is as good in all objectives, and better in one (Optuna's own front knows no gates)."""
        pairs = zip(one.values, other.values, self.greater, strict=True)
        gains = [mine - theirs if greater else theirs - mine for mine, theirs, greater in pairs]
        return min(gains) >= 0 and max(gains) > 0

    def best(self, first: int) -> Trial | None:
        """Return the trial of the front that is best in the objective at `first`, then in the others in turn."""
        order = [first, *(place for place in range(len(self.greater)) if place != first)]

        def rank(trial: Trial) -> tuple[float, ...]:
            return (*(-trial.values[one] if self.greater[one] else trial.values[one] for one in order), trial.number)

        return min(self.front(), key=rank, default=None)

    def _sampler(self) -> optuna.samplers.BaseSampler:
        import optuna
        from optuna import samplers

        def missed(trial: optuna.trial.FrozenTrial) -> Sequence[float]:
            return self._missed[trial.number]

        with warnings.catch_warnings():  # which say for years that these arguments are experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if self.sampler == "tpe":
                return samplers.TPESampler(seed=self.seed, multivariate=True, constraints_func=missed)
            if self.sampler == "nsga2":
                return samplers.NSGAIISampler(seed=self.seed, population_size=10, constraints_func=missed)
        return samplers.RandomSampler(seed=self.seed)
