"""Export a torch model to TFLite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import DatasetRef, Stage, StageFailed, TfliteModel, Toolchain, TorchModel, UserError, carry
from edgesmith.calibration import too_many
from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel
from edgesmith_stages.tflite_backends.litert_torch import LitertTorch
from edgesmith_stages.tflite_backends.request import Request, Scheme
from edgesmith_stages.tflite_backends.tensorflow import TensorFlow

if TYPE_CHECKING:
    from edgesmith import Context, Dataset

Backend = LitertTorch | TensorFlow

BACKENDS: Mapping[str, tuple[Backend, ...]] = {
    "litert-torch": (LitertTorch(),),
    "tensorflow": (TensorFlow(),),
    "auto": (LitertTorch(), TensorFlow()),
}
"""By the param's value, what is tried, in order."""

BARS: Mapping[str, float | None] = {"float": 60, "fp16": 30, "dynamic-int8": None, "int8": None}
"""By scheme, the SQNR in decibels under which the stage fails by default; under LOW_SQNR it warns."""

INT8_BAR = 15
"""The same for a model that is quantised already: kernels round now and then to another step than torch does."""

LOW_SQNR = 15


class ExportTflite(Stage):
    """Export a torch model to a TFLite flatbuffer, and check it with LiteRT.

    Backends: `litert-torch`; `tensorflow` (torch to ONNX to a TensorFlow SavedModel to TFLite), which takes longer,
    takes models that the other refuses, and quantises on the way; `auto`, which tries the first, and the second
    where that fails, or where its file does not compute what the model does.

    Figures: `sqnr_db`, `rel_l2` and `agreement` against the torch model on its golden images and (but for int8) on
    noise; `ops`, `int8_ops`, `bytes`; `backend`, and for `auto` in `refused` why those before it didn't do.
    """

    name = "export-tflite"
    inputs = {"model": TorchModel}
    outputs = {"model": TfliteModel}
    requirements = LitertTorch.toolchain.requirements

    class Params(Stage.Params):
        """Params of `export-tflite`."""

        backend: Literal["litert-torch", "tensorflow", "auto"] = Field("litert-torch", description="what converts")
        layout: Literal["NHWC", "NCHW"] = Field("NHWC", description="layout of the file's input; phones give NHWC")
        scheme: Scheme = Field("float", description="what TensorFlow quantises; all but float need `tensorflow`")
        calibration_data: DatasetRef | None = Field(None, description="for int8, the dataset (its train split)")
        calibration: int = Field(128, ge=1, description="for int8, how many images of it, drawn by seed")
        min_sqnr: float | None = Field(
            None,
            description="fail under this SQNR against the torch model, in dB [default: 60 for float, 30 for fp16]",
        )

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """That of the last backend: `auto` runs here, and asks for litert-torch as a tool."""
        return BACKENDS[params.backend][-1].toolchain

    @classmethod
    def tools(cls, params: Any, kinds: Mapping[str, Any]) -> Mapping[str, Toolchain]:
        """What the backends call that can't share the stage's process."""
        if params.backend == LitertTorch.name:
            return {}
        return {name: one for backend in BACKENDS[params.backend] for name, one in backend.tools.items()}

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse to quantise without TensorFlow or twice, and calibration without images or to no end."""
        if issubclass(kinds["model"][0], QuantizedTorchModel) and params.backend != LitertTorch.name:
            raise UserError(
                f"backend {params.backend!r} takes no quantised torch model",
                hint="set `backend: litert-torch`, or export the float model with `scheme: int8`",
            )
        if params.scheme != "float" and params.backend != TensorFlow.name:
            raise UserError(
                f"backend {params.backend!r} does not quantise, and scheme is {params.scheme!r}",
                hint="set `backend: tensorflow`, or leave `scheme` out and quantise with a `quantize` stage",
            )
        if (params.scheme == "int8") != (params.calibration_data is not None):
            needs = "needs calibration images" if params.scheme == "int8" else "uses no calibration images"
            raise UserError(
                f"scheme {params.scheme!r} {needs}",
                hint="`calibration_data` names the dataset for scheme int8, and only for that",
            )
        count = datasets["calibration_data"].count("train") if "calibration_data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.calibration_data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Convert, shorten names, write, check; raise StageFailed if no backend does."""
        source, made = inputs["model"], TfliteModel(ctx.out("model"))
        contract = source.contract.model_copy(update={"batch": 1, "layout": params.layout})
        carry(source, made.path, contract)
        images = None
        if params.calibration_data is not None:
            from edgesmith.calibration import load

            images = load(ctx, params.calibration_data, contract, params.calibration)
        request = Request(ctx, source, contract, made.file, params.scheme, images)
        refused: dict[str, str] = {}
        backends = BACKENDS[params.backend]
        for backend in backends:
            ctx.progress(len(refused), len(backends), doing=backend.name)
            try:
                figures = self._export(backend, request, made, params, apart=len(backends) > 1)
            except StageFailed as error:
                if len(backends) == 1:
                    raise
                refused[backend.name] = error.message
                ctx.log.warning("%s did not do: %s", backend.name, error.message)
                continue
            told = {"refused": refused} if refused else {}
            return {**figures, "backend": backend.name, **told, "bytes": made.bytes()}
        reasons = "".join(f"\n    {name}: {why}" for name, why in refused.items())
        raise StageFailed(
            f"no backend could export the model:{reasons}", hint="take the ONNX export, which covers more"
        )

    def _export(
        self, backend: Backend, request: Request, made: TfliteModel, params: Any, *, apart: bool
    ) -> dict[str, Any]:
        """Make the file with one backend and compare it with the torch model."""
        from edgesmith.parity import Parity, outputs_of, probe_images
        from edgesmith_stages.formats.tflite import integer_ops, op_names, read, shorten_names, write
        from edgesmith_stages.models.recipe import build, logits
        from edgesmith_stages.runtimes.litert import LiteRT

        backend.export(request, apart=apart)
        model = read(made.file.read_bytes())
        shorten_names(model)
        write(model, made.file)
        source, contract, ctx = request.source, request.contract, request.ctx
        # Noise lies outside of the ranges that calibration finds, and an int8 file clips it.
        quantised = isinstance(source, QuantizedTorchModel)
        clips = quantised or params.scheme == "int8"
        images = probe_images(contract, source.golden()[0], ctx.seed, count=0 if clips else 3)
        runtime = LiteRT()
        runtime.load(made, threads=1)
        wanted = logits(build(source.path), source.contract, images)
        parity = Parity.of(wanted, outputs_of(runtime, contract, images, batch=1))
        bar = INT8_BAR if quantised else BARS[params.scheme]
        bar = bar if params.min_sqnr is None else params.min_sqnr
        if bar is not None:
            parity.require(bar, f"the TFLite file of {backend.name}")
        if parity.sqnr_db < LOW_SQNR:
            ctx.log.warning("the file is far from its source: SQNR %.1f dB", parity.sqnr_db)
        return {**parity.figures(), "ops": len(op_names(model)), "int8_ops": integer_ops(model)}
