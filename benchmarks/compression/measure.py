"""Measure files in turns, each in a process of its own."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edgesmith import EdgesmithError, Launch, Model, ModelProcess
from edgesmith.loading import object_name
from edgesmith.testing.trial import bridge_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Runtime

TURN_NS = 60_000_000
"""What a model runs for in one turn, about."""


@dataclass
class Contender:
    """A file and what was measured of it.

    Attributes:
        name: as the table shows it.
        format: `onnx`, `tflite` or `openvino`.
        model: the artifact; None if there is none.
        runtime: that runs it.
        python: the interpreter that has it.
        trouble: why there is no figure.
        ns: least nanoseconds of wall time of each round, in fresh processes.
        cpu_ns: the same of CPU time.
        top1: share of right answers on held-out images; None without labels.
    """

    name: str
    format: str
    model: Model | None
    runtime: type[Runtime] | None
    python: str
    trouble: str = ""
    ns: list[int] = field(default_factory=list)
    cpu_ns: list[int] = field(default_factory=list)
    top1: float | None = None

    def open(self, threads: int) -> ModelProcess:
        """Load it in a fresh process."""
        assert self.model is not None and self.runtime is not None
        launch = Launch(
            self.runtime.name, object_name(self.runtime), self.python, bridge_to(self.runtime, type(self.model))
        )
        return ModelProcess(launch, self.model, threads)


def measure(
    contenders: Sequence[Contender],
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    *,
    rounds: int,
    turns: int,
    threads: int,
) -> None:
    """Fill in the figures.

    Args:
        contenders: those without a model are passed over.
        pixels: held-out images, uint8 [N, H, W, C].
        labels: int64 [N].
        rounds: how often all processes are started afresh.
        turns: how often each has its turn within a round, in an order of its own.
        threads: that a model runs on.
    """
    shuffle = random.Random(0)
    for round_ in range(rounds):
        with contextlib.ExitStack() as stack:
            running: dict[int, ModelProcess] = {}
            for index, one in enumerate(contenders):
                if one.model is None or one.trouble:
                    continue
                try:
                    running[index] = stack.enter_context(one.open(threads))
                    if round_ == 0 and labels is not None:
                        one.top1 = float((running[index].predict(pixels).argmax(axis=1) == labels).mean())
                except EdgesmithError as error:
                    one.trouble = error.message.splitlines()[0]
                    running.pop(index, None)
            best: dict[int, tuple[int, int]] = {}
            runs = {index: _runs(process, pixels) for index, process in running.items()}
            for _ in range(turns):
                order = sorted(running)
                shuffle.shuffle(order)
                for index in order:
                    samples = running[index].sample(pixels[:8], 1, runs[index])
                    ns, cpu = min(one.ns for one in samples), min(one.cpu_ns for one in samples)
                    known = best.get(index, (ns, cpu))
                    best[index] = (min(known[0], ns), min(known[1], cpu))
            for index, (ns, cpu) in best.items():
                contenders[index].ns.append(ns)
                contenders[index].cpu_ns.append(cpu)


def _runs(process: ModelProcess, pixels: NDArray[np.uint8]) -> int:
    once = min(one.ns for one in process.sample(pixels[:8], 2, 2))
    return int(min(200, max(2, TURN_NS // max(1, once))))


def ratio(ours: Sequence[int], base: Sequence[int]) -> tuple[float, float, float] | None:
    """Return median, least and largest of the ratios of each round: how many times as fast as the base."""
    if not ours or len(ours) != len(base):
        return None
    found = sorted(b / o for o, b in zip(ours, base, strict=True))
    return median(found), found[0], found[-1]


def render(name: str, contenders: Sequence[Contender], bases: Mapping[str, str], images: int) -> str:
    """Return one model's table as Markdown.

    Args:
        name: of the model.
        contenders: measured.
        bases: by format, the name of the float file that it is compared with.
        images: held-out ones.
    """
    named = {one.name: one for one in contenders}
    lines = [
        f"| {name} | wall ms | CPU ms | times as fast as its float (CPU; least to largest of the rounds) | top-1 of "
        f"{images} | drop, points | bytes | size |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in contenders:
        base = named[bases[one.format]]
        if one.trouble or one.model is None or not one.ns:
            lines.append(f"| {one.name} | {one.trouble or 'not measured'} | | | | | | |")
            continue
        times = ratio(one.cpu_ns, base.cpu_ns)
        fast = "-" if times is None else f"{times[0]:.2f}x ({times[1]:.2f} to {times[2]:.2f})"
        right = "-" if one.top1 is None else f"{one.top1:.4f}"
        lost = "-" if one.top1 is None or base.top1 is None else f"{100 * (base.top1 - one.top1):+.2f}"
        size = f"{one.model.bytes() / base.model.bytes():.2f}" if base.model is not None else "-"
        cells = (one.name, f"{min(one.ns) / 1e6:.3f}", f"{min(one.cpu_ns) / 1e6:.3f}", fast, right, lost,
                 f"{one.model.bytes():,}", size)  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def files_of(folder: Path, kind: type[Model]) -> Model | None:
    """Return the artifact in a folder, or None if it isn't there."""
    model = kind(folder)
    return model if model.file.exists() else None
