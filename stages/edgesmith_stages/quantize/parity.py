"""How far a quantised file is from the one it was made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, EdgesmithError, StageFailed, TfliteModel, TorchModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context

LOW_SQNR = 15
"""Decibels under which a quantised model is worth a warning: noise of a sixth of the signal moves answers."""

UNRUNNABLE = (
    "leave the type of operator that the message names in float with `exclude`, or one type after another; "
    "`sensitivity` tells which blocks suffer"
)

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def compare(ctx: Context, source: Any, made: Any, params: Any) -> dict[str, float]:
    """Run both files on the golden images in their format's runtime, and return figures.

    Raises:
        StageFailed: the quantised file does not run, or is further off than `min_sqnr`.
    """
    from edgesmith.conversion import first_line
    from edgesmith.parity import Parity

    pixels, _ = source.golden()
    wanted = _answers(source, pixels)
    try:
        found = _answers(made, pixels)
    except EdgesmithError:
        raise
    except Exception as error:  # a runtime raises what it likes at a file that it can't run
        told = first_line(RuntimeError(_PREFIX.sub("", str(error))))
        raise StageFailed(f"the quantised file does not run: {told}", hint=UNRUNNABLE) from error
    parity = Parity.of(wanted, found)
    if params.min_sqnr is not None:
        parity.require(params.min_sqnr, "the quantised file")
    if parity.sqnr_db < LOW_SQNR:
        ctx.log.warning("quantised far from its source: SQNR %.1f dB on the golden images", parity.sqnr_db)
    return parity.figures()


def lost(expected: NDArray[np.int64], answers: NDArray[np.int64], labels: NDArray[np.int64] | None) -> float:
    """Return the top-1 that a quantised file loses against its source.

    Args:
        expected: the source's answers, int64 [N].
        answers: the quantised file's.
        labels: the right outputs, int64 [N]; where there are none (None, or -1 among them) the share of answers that
            differ is returned.
    """
    if labels is None or labels.min(initial=0) < 0:
        return float((answers != expected).mean())
    return float((expected == labels).mean() - (answers == labels).mean())


def _answers(model: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run a saved file in its format's runtime: logits, float32 [N, classes]."""
    if isinstance(model, CoreMLModel):
        from edgesmith_stages.coreml_export.saved import SavedPackage

        return SavedPackage(model.file, model.contract).logits(pixels)
    if isinstance(model, TorchModel):
        from edgesmith_stages.models.recipe import build, logits

        return logits(build(model.path), model.contract, pixels)
    from edgesmith.parity import outputs_of
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    runtime = LiteRT() if isinstance(model, TfliteModel) else OnnxRuntime()
    runtime.load(model, threads=1)
    return outputs_of(runtime, model.contract, pixels, batch=1)
