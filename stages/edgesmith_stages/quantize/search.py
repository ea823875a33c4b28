"""Find out by measuring which operations to quantise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgesmith import StageFailed
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.budget import EVEN, Budget, Prefer, Trial, order
from edgesmith_stages.quantize.graph import Operation, roles

SLOWER = "slower in integers here"
HURTS = "costs accuracy"

Measure = Callable[[str, Assignment], Trial]
Score = Callable[[Trial], Trial]


@dataclass
class Search:
    """Candidates of one file: whole schemes first, then roles one by one, then the blocks that hurt.

    Attributes:
        kind: the model's.
        operations: of the file.
        measure: times a candidate, and compares it on the golden images.
        score: adds a candidate's drop, on labelled images.
        budget: what may be delivered.
        prefer: what is best among that.
        trials: what was measured, in order.
        failed: candidates that could not be made, and why.
    """

    kind: str
    operations: Sequence[Operation]
    measure: Measure
    score: Score
    budget: Budget
    prefer: Prefer = "latency"
    trials: list[Trial] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def starts(self, schemes: Sequence[str], slow: Sequence[str]) -> None:
        """Measure each scheme; for `int8` also without what is known to be slow, and the weighted operations alone; for
        `dynamic-int8` also without each role that has weights, as a runtime may lack fast kernels for one of them."""
        weighted = {one.role for one in self.operations if one.weights}
        for scheme in schemes:
            self._start(scheme, scheme, {})
            if scheme == "dynamic-int8" and len(weighted) > 1:
                for role, names in roles(self.operations).items():
                    if role in weighted:
                        self._start(f"{scheme}, but for {role}", scheme, dict.fromkeys(names, SLOWER))
            if scheme == "int8":
                light = [one.name for one in self.operations if one.quantisable and not one.weights]
                if slow:
                    self._start("int8 but for attention and norms", scheme, dict.fromkeys(slow, SLOWER))
                self._start("int8 of operations with weights", scheme, dict.fromkeys(light, SLOWER))

    def toggle(self, at_most: int) -> None:
        """From the fastest int8 candidate on, change one role at a time, the most frequent first; keep what is faster.

        Args:
            at_most: how many candidates to measure.
        """
        best = self.fastest("int8")
        if best is None:
            return
        by_count = sorted(roles(self.operations).items(), key=lambda item: -len(item[1]))
        for role, names in by_count[:at_most]:
            keep = dict(best.assignment.keep)
            back = all(name in keep for name in names)
            for name in names:
                if back:
                    del keep[name]
                else:
                    keep[name] = SLOWER
            if sum(one.quantisable for one in self.operations) == len(keep):
                continue
            trial = self._start(f"{best.label}, {'and' if back else 'but for'} {role}", "int8", keep)
            if trial is not None and trial.ratio < best.ratio * (1 - EVEN):
                # One lucky measurement among many is likely: both get a second one.
                trial, best = self._again(trial), self._again(best)
                best = trial if trial.ratio < best.ratio * (1 - EVEN) else best

    def spoilt(self) -> bool:
        """Tell whether the fastest int8 candidate, though faster than float, loses more than the budget allows."""
        best = self.fastest("int8")
        if best is None or best.ratio >= 1:
            return False
        return (self._scored(best).drop or 0.0) > self.budget.max_drop

    def mend(self, blocks: Mapping[str, Sequence[str]], ranked: Sequence[str]) -> Trial | None:
        """Leave ever more of the blocks that hurt most in float, until the fastest int8 candidate is within budget.

        Args:
            blocks: names of operations by block.
            ranked: the blocks, the most harmful first.
        """
        base = self.fastest("int8")
        if base is None:
            return None
        for count in _doubling(len(ranked)):
            keep = dict(base.assignment.keep)
            for block in ranked[:count]:
                keep |= {name: HURTS for name in blocks[block] if name not in keep}
            trial = self._start(f"{base.label}, without the worst {count} of {len(ranked)} blocks", "int8", keep)
            if trial is None:
                continue
            if trial.ratio >= 1:
                return None
            scored = self._scored(trial)
            if self.budget.missed(scored) is None:
                return scored
        return None

    def choose(self) -> Trial | None:
        """Return the best candidate within budget, or None; drops are measured from the best one down, as needed."""
        fitting = [trial for trial in self.trials if self.budget.missed(trial) is None]
        if self.prefer == "drop":
            fitting = [self._scored(trial) for trial in fitting]
        for trial in order(fitting, self.prefer):
            scored = self._scored(trial)
            if self.budget.missed(scored) is None:
                return scored
        return None

    def fastest(self, scheme: str) -> Trial | None:
        """Return the fastest candidate of a scheme."""
        return min((one for one in self.trials if one.assignment.scheme == scheme), key=lambda t: t.ratio, default=None)

    def corrected(self, trial: Trial, ratio: float) -> Trial:
        """Note what a candidate's time over float's turned out to be; return it."""
        measured = replace(trial, ms=ratio * trial.float_ms)
        self.trials[self.trials.index(trial)] = measured
        return measured

    def _start(self, label: str, scheme: str, keep: Mapping[str, str]) -> Trial | None:
        """Measure a candidate; note one that can't be made, and return None."""
        try:
            return self._try(label, scheme, keep)
        except StageFailed as error:
            self.failed[label] = error.message
            return None

    def _try(self, label: str, scheme: str, keep: Mapping[str, str]) -> Trial:
        assignment = Assignment(self.kind, scheme, dict(sorted(keep.items())))
        for known in self.trials:
            if known.assignment.scheme == scheme and set(known.assignment.keep) == set(keep):
                return known
        trial = self.measure(label, assignment)
        self.trials.append(trial)
        return trial

    def _again(self, trial: Trial) -> Trial:
        """Measure a candidate once more, and take the mean."""
        second = self.measure(trial.label, trial.assignment)
        mean = replace(trial, ms=(trial.ms + second.ms) / 2, float_ms=(trial.float_ms + second.float_ms) / 2)
        self.trials[self.trials.index(trial)] = mean
        return mean

    def _scored(self, trial: Trial) -> Trial:
        if trial.drop is not None:
            return trial
        scored = self.score(trial)
        self.trials[self.trials.index(trial)] = scored
        return scored


def _doubling(most: int) -> Iterator[int]:
    """1, 2, 4, ... below `most`."""
    count = 1
    while count < most:
        yield count
        count *= 2
