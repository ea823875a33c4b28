"""One model at several image sizes, where its file takes them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from edgesmith import EdgesmithError, Model, Timing
from edgesmith.sections import Curves, Input
from edgesmith_stages.benchmarking.figures import latency
from edgesmith_stages.benchmarking.in_turns import Runner, time_in_turns
from edgesmith_stages.benchmarking.setting import FEW, Row, Setting, noted

Size = tuple[int, int]
"""Height and width."""


def named(size: Size) -> str:
    """Write a size as figures do: `128`, `128x160`."""
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


def measure_sizes(
    setting: Setting, models: Sequence[Model], rows: Sequence[Row], sizes: Sequence[Size], runs: tuple[int, int, int]
) -> list[dict[str, Any]]:
    """Time each model at each size, fill its row, and return the sections of a report.

    Figures at 128 pixels: `min_ms_at_128`, `median_ms_at_128`, ..., `throughput_at_128`; `status_at_128` where it did
    not run.

    Args:
        runs: unmeasured ones, measured ones, and the turns that these are spread over.
    """
    sections = []
    for index, (model, row) in enumerate(zip(models, rows, strict=True)):
        if row["status"] != "ok":
            continue
        measured: dict[Size, float] = {}
        with contextlib.ExitStack() as stack:
            runners = _accepted(setting, model, row, sizes, stack)
            for size, taken in time_in_turns(setting, runners, *runs).items():
                if taken:
                    figures = latency(taken, model.contract.batch or 1)
                    row.update({f"{name}_at_{named(size)}": value for name, value in figures.items()})
                    measured[size] = figures.get("median_ms", figures["min_ms"])
        if len(measured) > 1:
            ordered = sorted(measured, key=lambda size: size[0] * size[1])
            at = tuple((height * width) ** 0.5 for height, width in ordered)
            curves = {"median ms by size": tuple(measured[size] for size in ordered)}
            of = Input(port="models", index=index)
            sections.append(Curves(title="sizes", x="pixels a side", at=at, of=of, curves=curves).document())
    return sections


def _accepted(
    setting: Setting, model: Model, row: Row, sizes: Sequence[Size], stack: contextlib.ExitStack
) -> dict[Size, Runner]:
    """Load the model once for each size that its file takes."""
    runners: dict[Size, Runner] = {}
    refused: dict[Size, str] = {}
    for size in sizes:
        setting.go_on()
        status = f"status_at_{named(size)}"
        with noted(row, setting.ctx, status):
            session = stack.enter_context(setting.open(model))
            if not session.in_turns:
                row[status] = "not run: the target's tool makes its own inputs"
                continue
            contract = model.contract.model_copy(update={"size": size})
            pixels = setting.images.first(contract, max(FEW, contract.batch or 1))
            try:
                first = session.time(pixels, 0, 1)
            except EdgesmithError as error:
                refused[size] = error.message.splitlines()[0]
                session.close()
                continue
            assert not isinstance(first, Timing)
            runners[size] = Runner(session, pixels, row, status)
    fixed = all(size == model.contract.size for size in runners)
    for size, reason in refused.items():
        row[f"status_at_{named(size)}"] = f"not run: {'fixed shape' if fixed else 'refused'} ({reason})"
    return runners
