"""Quantise a file as an assignment says."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith_stages.quantize.assignment import UNTOUCHED, Assignment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


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
        the format.

    Raises:
        UserError: the assignment is another file's.
    """
    from edgesmith_stages.quantize.quantiser import quantiser_for

    if assignment.scheme == UNTOUCHED:
        assignment.fit(source.kind, frozenset())
        shutil.copyfile(source.file, made.file)
        return {"assigned": UNTOUCHED, "kept": {assignment.why: "all operations"}}
    quantiser = quantiser_for(source, images, scratch, params.calibration_method)
    types = {one.name: one.op for one in quantiser.operations}
    assignment.fit(source.kind, frozenset(types))
    figures = quantiser.write(assignment.scheme, assignment.keep, made.file)
    kept: dict[str, Counter[str]] = {}
    for name, why in assignment.keep.items():
        kept.setdefault(why, Counter())[types[name]] += 1
    return {**figures, "assigned": assignment.scheme, "kept": {why: dict(counts) for why, counts in kept.items()}}
