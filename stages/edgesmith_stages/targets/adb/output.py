"""What LiteRT's `benchmark_model` writes, as figures.

Two tools have this name and share most of their lines: the interpreter's (`tflite/tools/benchmark`) and that of the
CompiledModel API (`litert/tools`). Both write a line of statistics after the warm-up and another after the runs, in
microseconds::

    count=50 first=112256 curr=111087 min=110425 max=114213 avg=112533 std=778 p5=110700 median=112400 p95=113900
    count=1 curr=130492

Older ones leave the percentiles out; where all runs took the same time, `curr` is all there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgesmith import StageFailed, Timing

_COUNT = re.compile(r"count=([0-9]+)((?: \w+=[0-9.e+-]+(?:\(all same\))?)*)")
_FIGURE = re.compile(r"(\w+)=([0-9.e+-]+)")
_PERCENTILES = {"p5": 5, "median": 50, "p95": 95}
_INIT = (
    (re.compile(r"Inference timings in us: Init: ([0-9.e+]+)"), 1e-3),
    (re.compile(r"Initialized session in ([0-9.e+]+)ms"), 1.0),
    (re.compile(r"Model initialization: +([0-9.e+]+) ms"), 1.0),
)
_MEMORY = re.compile(
    r"Memory footprint delta from the start of the tool \(MB\): init=([0-9.e+-]+) overall=([0-9.e+-]+)"
)
_MEMORY_LINES = (re.compile(r"Init footprint: +([0-9.]+) MB"), re.compile(r"Overall footprint: +([0-9.]+) MB"))
_DELEGATED = re.compile(r"the model graph will be (completely|partially) executed by the delegate(?: w/ ([0-9]+))?")
_NOT_DELEGATED = re.compile(r"Though (.+?) delegate is explicitly applied, the model graph will not be executed")
_IGNORED = re.compile(r"Unconsumed cmdline flags: *(.*\S)")


@dataclass(frozen=True)
class Result:
    """What one run of the tool measured.

    Attributes:
        load_ms: reading the model and preparing the interpreter.
        first_ms: the first inference, which no warm-up went before.
        warmup_ms: mean of the warm-up, the first inference included.
        init_mb, overall_mb: growth of the tool's resident memory, until the model was loaded and in all.
        delegated: what of the graph the delegate took: `completely`, `partially, 3 kernels`.
    """

    timing: Timing
    load_ms: float | None = None
    first_ms: float | None = None
    warmup_ms: float | None = None
    init_mb: float | None = None
    overall_mb: float | None = None
    delegated: str | None = None


def parse(text: str) -> Result:
    """Read the tool's output.

    Raises:
        StageFailed: it holds no figures, the tool doesn't know a flag, or the delegate took nothing of the graph: the
            figures would be another measurement's.
    """
    ignored = _IGNORED.search(text)
    if ignored:
        raise StageFailed(
            f"benchmark_model doesn't know the flags {ignored.group(1)}",
            hint="the CompiledModel API's tool has neither NNAPI nor --use_xnnpack: name the interpreter's, or another "
            "delegate",
        )
    refused = _NOT_DELEGATED.search(text)
    if refused:
        raise StageFailed(
            f"the {refused.group(1)} delegate takes no operation of the model: the CPU would be measured",
            hint="measure with `delegate: cpu`, or export the model with operations that the delegate has",
        )
    blocks = [_block(found) for found in _COUNT.finditer(text)]
    if len(blocks) < 2 or not blocks[-1]["count"]:
        raise StageFailed("benchmark_model wrote no timings" + last_lines(text))
    warmup, runs = blocks[-2], blocks[-1]
    memory = _MEMORY.search(text)
    footprints = [float(one) for one in memory.groups()] if memory else [_number(line, text) for line in _MEMORY_LINES]
    delegated = _DELEGATED.search(text)
    return Result(
        timing=_timing(runs),
        load_ms=next((float(found.group(1)) * scale for line, scale in _INIT if (found := line.search(text))), None),
        first_ms=warmup.get("first", warmup.get("curr", 0.0)) / 1e3 or None,
        warmup_ms=warmup.get("avg", warmup.get("curr", 0.0)) / 1e3 or None,
        init_mb=footprints[0],
        overall_mb=footprints[1],
        delegated=_share(delegated) if delegated else None,
    )


def last_lines(text: str, count: int = 15) -> str:
    """Return the end of an output, as an addition to a message."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "".join(f"\n    {line}" for line in lines[-count:])


def _block(found: re.Match[str]) -> dict[str, float]:
    return {"count": float(found.group(1)), **{k: float(v) for k, v in _FIGURE.findall(found.group(2))}}


def _timing(block: dict[str, float]) -> Timing:
    same = block.get("curr", 0.0)
    low, mean, high = (block.get(name, same) * 1e3 for name in ("min", "avg", "max"))
    told = {at: block[name] * 1e3 for name, at in _PERCENTILES.items() if name in block}
    return Timing(int(block["count"]), low, mean, high, block.get("std", 0.0) * 1e3, told)


def _number(line: re.Pattern[str], text: str) -> float | None:
    found = line.search(text)
    return float(found.group(1)) if found else None


def _share(found: re.Match[str]) -> str:
    kernels = f", {found.group(2)} kernels" if found.group(2) else ""
    return found.group(1) + kernels
