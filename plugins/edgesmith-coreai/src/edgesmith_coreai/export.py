"""The stage `export-coreai`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Stage, Toolchain, TorchModel, carry
from edgesmith_coreai.convert import Precision
from edgesmith_coreai.model import COREAI, RESOLVED, CoreAIModel

if TYPE_CHECKING:
    from edgesmith import Context

SQNR = {"fp32": 60.0, "fp16": 25.0}
"""Decibels that a package must keep by default."""


class ExportCoreAI(Stage):
    """Export a torch model to Apple's Core AI, in fp32 or fp16, and check it with Core AI's portable runtime.

    Figures: `sqnr_db` and `agreement` against the torch model on its golden images and on noise; `bytes`;
    `operators`, without constants.
    """

    name = "export-coreai"
    inputs = {"model": TorchModel}
    outputs = {"model": CoreAIModel}
    requirements = (*TorchModel.requirements, *COREAI, "coreai-torch>=0.4.3,<0.5", "torch>=2.14,<2.15")

    class Params(Stage.Params):
        """Params of `export-coreai`."""

        precision: Precision = Field("fp32", description="of weights and arithmetic; input and output are float32")
        min_sqnr: float | None = Field(
            None,
            description="fail under this SQNR against the torch model, in dB; by default "
            + " and ".join(f"{bar:g} for {precision}" for precision, bar in SQNR.items()),
        )

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """Core AI's converter, as of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Convert, write, check; raise StageFailed if a step fails."""
        import torch

        from edgesmith import Parity, converting, outputs_of, probe_images
        from edgesmith_coreai.convert import convert, half, operators
        from edgesmith_coreai.runtime import CoreAIRuntime

        source, made = inputs["model"], CoreAIModel(ctx.out("model"))
        contract = source.contract.model_copy(update={"batch": 1})
        module = source.module()
        pixels = probe_images(contract, source.golden()[0], ctx.seed)
        rows = torch.from_numpy(contract.feed(pixels))
        with torch.inference_mode():
            wanted = module(rows).numpy()
        ctx.progress(0, 2, doing="convert")
        with converting(
            "coreai-torch", "a Core AI package", "replace that operator in the model, or export it to Core ML"
        ):
            convert(half(module) if params.precision == "fp16" else module, rows[:1], made.file)
        carry(source, made.path, contract)
        ctx.progress(1, 2, doing="check")
        runtime = CoreAIRuntime()
        runtime.load(made, threads=1)
        parity = Parity.of(wanted, outputs_of(runtime, contract, pixels, batch=1))
        bar = SQNR[params.precision] if params.min_sqnr is None else params.min_sqnr
        parity.require(bar, "the Core AI package", "take `precision: fp32`, or accept the loss with a lower `min_sqnr`")
        ctx.progress(2, 2, sqnr_db=parity.sqnr_db)
        return {**parity.figures(), "operators": operators(made.file), "bytes": made.bytes()}
