"""A model beside a baseline: what was seen, as figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, stdev
from typing import TYPE_CHECKING, Any

from edgesmith import Model
from edgesmith.estimates import bootstrap, paired_difference
from edgesmith.sections import Input, Sample, Samples
from edgesmith.turns import Beside
from edgesmith_stages.answers import right_outputs
from edgesmith_stages.benchmarking.setting import Setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Tried:
    """A model that runs: its runtime, and which images it gets right; None without labels."""

    runtime: str
    top1: float | None
    right: NDArray[np.bool_] | None


def try_model(setting: Setting, model: Model, score: bool) -> Tried:
    """Load a model, and let it answer all images where they have labels."""
    from edgesmith_stages.evaluate import scores

    setting.go_on()
    images = setting.images
    with setting.open(model) as session:
        if not score or not session.predicts or not images.count or images.labels.min() < 0:
            return Tried(session.runtime, None, None)
        outputs = session.predict(images.pixels(model.contract))
        top1 = scores(outputs, model, images)["top1"]
        return Tried(session.runtime, top1, outputs.argmax(1) == right_outputs(images, model.contract))


def speed(seen: Sequence[Beside], certainty: float, seed: int, cpu: bool) -> dict[str, Any]:
    """Return what the processes of one model showed beside the baseline's."""
    figures = {
        "median_ms": round(median(one.ns for one in seen) / 1e6, 4),
        **_speedup("speedup", [one.clock for one in seen], certainty, seed),
    }
    figures["spread"] = round(stdev(one.clock for one in seen), 4)
    work = [one.cpu for one in seen if one.cpu is not None]
    if cpu and len(work) == len(seen):
        figures |= _speedup("cpu_speedup", work, certainty, seed)
    memory = [one.memory for one in seen if one.memory is not None]
    if memory:
        figures["memory_ratio"] = round(math.exp(median(memory)), 3)
    low, high = figures["speedup_low"], figures["speedup_high"]
    return {**figures, "verdict": "faster" if low > 1 else "slower" if high < 1 else "unsure"}


def _speedup(name: str, logs: Sequence[float], certainty: float, seed: int) -> dict[str, float]:
    """Return baseline / candidate from log(candidate / baseline) of each process, with its interval."""
    made = bootstrap([-log for log in logs], certainty, seed)
    values = {name: made.value, f"{name}_low": made.low, f"{name}_high": made.high}
    return {what: round(math.exp(value), 4) for what, value in values.items()}


def accuracy(reference: Tried, one: Tried, certainty: float) -> dict[str, float]:
    """Return how a model answers beside the baseline, on the same images: nothing without labels."""
    if one.top1 is None or one.right is None or reference.right is None:
        return {}
    gained, lost = int((one.right & ~reference.right).sum()), int((reference.right & ~one.right).sum())
    made = paired_difference(gained, lost, len(one.right), certainty)
    return {
        "top1": one.top1,
        "top1_change": round(made.value, 6),
        "top1_change_low": round(made.low, 6),
        "top1_change_high": round(made.high, 6),
        "gained": gained,
        "lost": lost,
    }


def own_figures(baseline: Model, reference: Tried, rounds: Sequence[Sequence[Beside]]) -> dict[str, Any]:
    """Return the baseline's own figures."""
    figures: dict[str, Any] = {"bytes": baseline.bytes(), "runtime": reference.runtime}
    if rounds:
        figures["median_ms"] = round(median(beside[0].ns for beside in rounds) / 1e6, 4)
    return figures if reference.top1 is None else {**figures, "top1": reference.top1}


def sections(tried: Mapping[int, Tried], rounds: Sequence[Sequence[Beside]]) -> list[dict[str, Any]]:
    """Return the speed-up that each process showed, as a section of a report."""
    samples = tuple(
        Sample(
            of=Input(port="candidates", index=index),
            values=tuple(round(math.exp(-beside[place].clock), 4) for beside in rounds),
        )
        for place, index in enumerate(tried, 1)
    )
    note = "one value a process; over 1 is faster than the baseline"
    if not samples:
        return []
    return [Samples(title="speed-up over the baseline", unit="x", samples=samples, note=note).document()]
