"""Quantise a file as an assignment says."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, OnnxModel, TfliteModel, UserError
from edgesmith_stages.quantize.assignment import UNTOUCHED, Assignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model

_NODES = """`tune-precision` finds one within a budget; write both nodes, MODEL being what this one quantises:
    tuned: {uses: tune-precision, needs: {model: MODEL}, with: {data: DATASET, max_drop: 0.003}}
    small: {uses: quantize, needs: {model: MODEL, assignment: tuned.assignment}, with: {data: DATASET, scheme: auto}}"""


def assigned(params: Any, kind: type[Model], kinds: Mapping[str, Any]) -> bool:
    """Tell whether an assignment decides what `quantize` does.

    Args:
        params: of `quantize`.
        kind: of the model.
        kinds: by input port, the kinds connected.

    Raises:
        UserError: `scheme: auto` without an assignment, or one with another scheme or with `exclude`.
    """
    if kind not in (OnnxModel, TfliteModel, CoreMLModel):
        if kinds.get("assignment"):
            raise UserError(f"an assignment is for ONNX, TFLite and Core ML models, and this is a {kind.kind} model")
        return False
    if (params.scheme == "auto") != bool(kinds.get("assignment")):
        raise UserError("`scheme: auto` goes with an assignment, and an assignment with `scheme: auto`", hint=_NODES)
    if params.scheme == "auto" and params.exclude is not None:
        raise UserError("`exclude` does not go with `scheme: auto`: the assignment says what stays in float")
    return bool(params.scheme == "auto")


def quantize_assigned(
    source: Model, made: Model, assignment: Assignment, params: Any, images: NDArray[np.uint8] | None, scratch: Path
) -> dict[str, Any]:
    """Write the file that an assignment describes; under `float`, the source's own.

    Args:
        source: the float file.
        made: where to write.
        assignment: for this file.
        params: of `quantize`.
        images: calibration images, uint8 [N, H, W, C], where its scheme needs them.
        scratch: for intermediate files.

    Returns:
        Figures: `assigned` (the scheme), `kept` (operations in float: by reason, how many of each type), and those of
        the format; for Core ML `forms` (how many weights have which) and `weight_sqnr_db`.

    Raises:
        UserError: the assignment is another file's.
    """
    from edgesmith_stages.quantize.quantiser import quantiser_for, write_assigned

    if assignment.scheme == UNTOUCHED:
        assignment.fit(source.kind, frozenset())
        (shutil.copytree if source.file.is_dir() else shutil.copyfile)(source.file, made.file)
        return {"assigned": UNTOUCHED, "kept": {assignment.why: "all operations"}}
    quantiser = quantiser_for(source, images, scratch, params.calibration_method)
    types = {one.name: one.op for one in quantiser.operations}
    assignment.fit(source.kind, frozenset(types))
    figures = write_assigned(quantiser, assignment, made.file)
    if isinstance(source, CoreMLModel):
        from edgesmith_stages.quantize.coreml.figures import weight_sqnr

        figures["weight_sqnr_db"] = weight_sqnr(source.file, made.file, params.min_elements)
    kept: dict[str, Counter[str]] = {}
    for name, why in assignment.keep.items():
        kept.setdefault(why, Counter())[types[name]] += 1
    return {**figures, "assigned": assignment.scheme, "kept": {why: dict(counts) for why, counts in kept.items()}}
