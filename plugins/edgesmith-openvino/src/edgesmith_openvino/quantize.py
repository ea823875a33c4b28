"""The stage `quantize-openvino`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import DatasetRef, Stage, carry
from edgesmith.calibration import too_many
from edgesmith_openvino.backend import NNCF
from edgesmith_openvino.model import OpenVinoModel
from edgesmith_openvino.scope import IgnoredScope

if TYPE_CHECKING:
    from edgesmith import Context, Dataset

LOW_SQNR = 15
"""Decibels under which a quantised model is worth a warning: noise of a sixth of the signal moves answers."""


class QuantizeOpenVino(Stage):
    """Quantise an OpenVINO model to int8 with NNCF: weights per channel, activations calibrated on images.

    Figures: `sqnr_db`, `rel_l2` and `agreement` against the float file on the golden images; `ops`, `quantizers`,
    `calibration_images`; `bytes`, and their `ratio` to the float file's.
    """

    name, version = "quantize-openvino", "1"
    inputs = {"model": OpenVinoModel}
    outputs = {"model": OpenVinoModel}
    requirements = NNCF
    runs_models = True

    class Params(Stage.Params):
        """Params of `quantize-openvino`."""

        data: DatasetRef = Field(description="dataset to calibrate on (its train split)")
        calibration: int = Field(300, ge=1, description="calibration images, drawn by seed, classes as even as can be")
        calibration_method: Literal["minmax", "mean-minmax"] = Field(
            "minmax", description="an activation's range: its extremes over all images, or each image's, averaged"
        )
        preset: Literal["performance", "mixed"] = Field(
            "mixed", description="activations: symmetric (performance), or asymmetric where they aren't (mixed)"
        )
        transformer: bool = Field(False, description="keep attention blocks whole, and smooth their activations")
        fast_bias_correction: bool = Field(True, description="correct each bias by its layer alone, not by whole runs")
        ignored_scope: IgnoredScope = Field(IgnoredScope(), description="operations that stay in float")
        min_sqnr: float | None = Field(None, description="fail under this SQNR against the float file, in dB")

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse more calibration images than there are."""
        count = datasets["data"].count("train") if "data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Quantise, write, and compare with the float file."""
        from edgesmith import Parity
        from edgesmith.calibration import load
        from edgesmith_openvino.int8 import quantize
        from edgesmith_openvino.ir import save, types

        source, made = inputs["model"], OpenVinoModel(ctx.out("model"))
        ctx.progress(0, 3, doing="calibration images")
        images = load(ctx, params.data, source.contract, params.calibration)
        ctx.progress(1, 3, doing="int8")
        model = quantize(source, images, params)
        save(model, made.xml)
        carry(source, made.path)
        ctx.progress(2, 3)
        pixels, _ = source.golden()
        with ctx.open(source) as before, ctx.open(made) as after:
            parity = Parity.of(before.predict(pixels), after.predict(pixels))
        if params.min_sqnr is not None:
            parity.require(params.min_sqnr, "the quantised file")
        if parity.sqnr_db < LOW_SQNR:
            ctx.log.warning("quantised far from its source: SQNR %.1f dB on the golden images", parity.sqnr_db)
        ctx.progress(3, 3, sqnr_db=parity.sqnr_db)
        ops = types(model)
        figures = {"ops": len(ops), "quantizers": ops.count("FakeQuantize"), "calibration_images": len(images)}
        return {**parity.figures(), **figures, "bytes": made.bytes(), "ratio": made.bytes() / source.bytes()}
