"""The stage `export-executorch`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Cancelled, DatasetRef, Stage, Toolchain, TorchModel, UserError, carry
from edgesmith.calibration import too_many
from edgesmith_executorch.model import EXECUTORCH, RESOLVED, ExecutorchModel
from edgesmith_executorch.quantize import Method

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith import Context, Dataset

HINT = "replace that operator in the model, or take the ONNX export, which covers more"

FP32_SQNR = 60
"""Decibels that an fp32 file must keep by default: XNNPACK sums in another order, and does nothing else."""


class ExportExecutorch(Stage):
    """Export a torch model to ExecuTorch with the XNNPACK backend, in fp32 or static int8, and check it.

    Figures: `sqnr_db` and `agreement` against the torch model, on its golden images and, for fp32, on noise; `bytes`;
    `delegates`, the number of subgraphs that XNNPACK runs; `portable_ops`, the number of operators left to
    ExecuTorch's slower kernels; for int8 `calibration_images`.
    """

    name = "export-executorch"
    inputs = {"model": TorchModel}
    outputs = {"model": ExecutorchModel}
    requirements = (*TorchModel.requirements, *EXECUTORCH)

    class Params(Stage.Params):
        """Params of `export-executorch`."""

        precision: Literal["fp32", "int8"] = Field("fp32", description="int8: weights and activations, calibrated")
        data: DatasetRef | None = Field(None, description="dataset to calibrate int8 on (its train split)")
        calibration: int = Field(128, ge=1, description="calibration images, drawn by seed, classes as even as can be")
        calibration_method: Method = Field(
            "minmax", description="how ranges follow from them; histogram clips outliers, and takes ten times as long"
        )
        min_sqnr: float | None = Field(
            None, description=f"fail under this SQNR against the torch model, in dB; fp32: {FP32_SQNR} by default"
        )

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """ExecuTorch, as of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse int8 without enough calibration images."""
        if params.precision != "int8":
            return
        if params.data is None:
            raise UserError("int8 needs calibration images, and no `data` is given", hint="name a dataset")
        available = datasets["data"].count("train")
        if available is not None and params.calibration > available:
            raise too_many(params.calibration, available, params.data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Quantise if asked to, lower, write, check; raise StageFailed if a step fails."""
        import torch

        from edgesmith import Parity, converting, outputs_of, probe_images
        from edgesmith_executorch.lower import lower, plain_attention
        from edgesmith_executorch.runtime import ExecutorchRuntime

        source, made = inputs["model"], ExecutorchModel(ctx.out("model"))
        contract = source.contract.model_copy(update={"batch": 1})
        module = source.module()
        pixels, _ = source.golden()
        if params.precision == "fp32":
            # Not for int8: noise lies outside of the ranges that images gave.
            pixels = probe_images(contract, pixels, ctx.seed)
        rows = torch.from_numpy(contract.feed(pixels))
        with torch.inference_mode():
            wanted = module(rows).numpy()
        plain_attention(module)
        if params.precision == "int8":
            module = _int8(ctx, module, source, params)
        done = params.calibration if params.precision == "int8" else 0
        ctx.progress(done, done + 2, doing="lower")
        with converting("ExecuTorch", "a program", HINT):
            program = lower(module, rows[:1])
        made.file.write_bytes(program.content)
        carry(source, made.path, contract)
        if program.portable:
            told = ", ".join(f"{count} {name}" for name, count in sorted(program.portable.items()))
            ctx.log.info("not for XNNPACK, left to ExecuTorch's own kernels: %s", told)
        ctx.progress(done + 1, done + 2, doing="check")
        runtime = ExecutorchRuntime()
        runtime.load(made, threads=1)
        parity = Parity.of(wanted, outputs_of(runtime, contract, pixels, batch=1))
        bar = FP32_SQNR if params.min_sqnr is None and params.precision == "fp32" else params.min_sqnr
        if bar is not None:
            parity.require(bar, "the ExecuTorch program")
        ctx.progress(done + 2, done + 2, sqnr_db=parity.sqnr_db)
        figures: dict[str, Any] = parity.figures()
        if params.precision == "int8":
            figures["calibration_images"] = params.calibration
        figures |= {"delegates": program.delegates, "portable_ops": program.portable.total()}
        return {**figures, "bytes": made.bytes()}


def _int8(ctx: Context, module: nn.Module, source: TorchModel, params: Any) -> nn.Module:
    import torch

    from edgesmith import converting
    from edgesmith.calibration import load
    from edgesmith_executorch.quantize import quantize

    pixels = load(ctx, params.data, source.contract, params.calibration)
    images = torch.from_numpy(source.contract.normalise(pixels))

    def one_by_one() -> Iterator[torch.Tensor]:
        for done in range(len(images)):
            if ctx.cancelled:
                raise Cancelled("cancelled while calibrating")
            ctx.progress(done, len(images) + 2, doing="calibrate")
            yield images[done : done + 1]

    with converting("torchao", "an int8 model", HINT):
        return quantize(module, one_by_one(), params.calibration_method)
