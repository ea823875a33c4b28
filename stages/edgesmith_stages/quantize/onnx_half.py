"""ONNX files that compute in halves, but for the operators that halves would spoil."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel, StageFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_HALF, SMALLEST_HALF = 65504.0, 2.0**-24
HEADROOM = 2.0
"""How far under the largest half results must stay on the images looked at: others will reach further."""

ROUNDS = 6


def halve_onnx(
    source: OnnxModel, made: OnnxModel, params: Any, images: NDArray[np.uint8], scratch: Path
) -> dict[str, Any]:
    """Write a file whose weights and arithmetic are float16, with float32 input and output.

    In single precision stay: operators that `params.exclude` names; those that ONNX Runtime's converter knows to need
    it; those that give or take more on these images than half of what a half holds, or numbers too small for one; and
    where a result is no number all the same (of a division by what rounds to zero, say), the operator that gives it and
    those it follows from.

    Args:
        source: the float32 file.
        made: where to write.
        params: of the stage.
        images: uint8 [N, H, W, C] to try it on.
        scratch: for intermediate files.

    Returns:
        Figures: `ops`, how many compute; `kept_fp32`, those in single precision, with the reason; `half_sqnr_db`
        against the source with every half result rounded, as a processor with half kernels does. ONNX Runtime's CPU
        kernels compute much of such a file in single precision.

    Raises:
        UserError: `exclude` names an operator that the model lacks.
        StageFailed: the converter failed, or halves can't hold a result, whatever is kept.
    """
    import onnx

    from edgesmith.conversion import converting
    from edgesmith.parity import Parity
    from edgesmith_stages.formats.onnx import save
    from edgesmith_stages.quantize.onnx import excluded
    from edgesmith_stages.quantize.onnx_cast import converted, named
    from edgesmith_stages.quantize.onnx_layers import layers
    from edgesmith_stages.quantize.onnx_rounding import Probe, rounded

    model = named(onnx.load(source.file))
    graph, where = model.graph, layers(model.graph)
    probe = Probe.of(source, images)
    asked = dict.fromkeys(excluded(model, params.exclude or ()), "named by `exclude`")
    reasons = {**_beyond(graph, probe.peaks, where), **asked}
    tried = OnnxModel(scratch / "rounded")
    tried.path.mkdir(parents=True, exist_ok=True)  # a try before this one may have left it
    for steps in range(ROUNDS):
        with converting("ONNX Runtime's float16 converter", "a model in halves", "leave an operator out by `exclude`"):
            half, blocked = converted(model, reasons)
            save(half, made.file)
            onnx.checker.check_model(str(made.file), full_check=True)
            save(rounded(half), tried.file)
        found = Probe.of(tried, images, source.contract)
        lost = _lost(graph, probe.peaks, found.peaks)
        if not lost:
            break
        for node in lost:
            told = f"{node.op_type} '{node.name}'{where[node.name]}"
            leading = dict.fromkeys(_leading(graph, node, steps + 1), f"of its result in halves {told} makes no number")
            reasons = {**leading, node.name: f"{told} gives no number in halves", **reasons}
    else:
        node = lost[0]
        raise StageFailed(
            f"the half-precision file breaks at {node.op_type} '{node.name}'{where[node.name]}, whose result is no "
            f"number, even with {len(reasons)} operators in single precision",
            hint="leave more operators in single precision by `exclude`, or keep the float32 file",
        )
    parity = Parity.of(probe.answers, found.answers)
    if params.min_sqnr is not None:
        parity.require(params.min_sqnr, "the half-precision file, each result rounded,")
    kept = {**dict.fromkeys(blocked, "needs single precision in ONNX Runtime"), **reasons}
    return {
        "ops": sum(node.op_type != "Constant" for node in graph.node),
        "kept_fp32": kept,
        "half_sqnr_db": parity.sqnr_db,
    }


def _beyond(graph: Any, peaks: Mapping[str, float], where: Mapping[str, str]) -> dict[str, str]:
    """Nodes that give or take what a half can't hold, with the reason."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    weights = {
        one.name: float(np.abs(numpy_helper.to_array(one)).max(initial=0))
        for one in graph.initializer
        if one.data_type == TensorProto.FLOAT
    }
    reached = {**peaks, **weights}
    tiny = {name: peak for name, peak in weights.items() if 0 < peak < SMALLEST_HALF}
    found = {}
    for node in graph.node:
        given = max((reached.get(name, 0.0) for name in node.output), default=0.0)
        taken = max((reached.get(name, 0.0) for name in node.input), default=0.0)
        if max(given, taken) * HEADROOM > LARGEST_HALF:
            told = f"reaches {given:,.0f}" if given >= taken else f"takes {taken:,.0f}"
            found[node.name] = f"{node.op_type}{where[node.name]} {told}; a half holds {LARGEST_HALF:,.0f}"
        elif small := [tiny[name] for name in node.input if name in tiny]:
            told = f"takes numbers up to {max(small):.2g}; the smallest half is {SMALLEST_HALF:.1g}"
            found[node.name] = f"{node.op_type}{where[node.name]} {told}"
    return found


def _lost(graph: Any, wanted: Mapping[str, float], found: Mapping[str, float]) -> list[Any]:
    """Nodes that give no number where the source does, of numbers."""
    gone = {name for name, peak in wanted.items() if peak < float("inf") and not found.get(name, 0.0) < float("inf")}
    return [node for node in graph.node if gone.intersection(node.output) and not gone.intersection(node.input)]


def _leading(graph: Any, node: Any, steps: int) -> list[str]:
    """Names of the nodes that lead to a node in at most so many steps."""
    found: dict[str, Any] = {}
    edge = [node]
    for _ in range(steps):
        read = {name for one in edge for name in one.input}
        edge = [one for one in graph.node if read.intersection(one.output)]
        found.update({one.name: one for one in edge})
    return list(found)
