"""Export a torch model to a Core ML ML Program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import CoreMLModel, InputContract, Stage, TorchModel, UserError, carry
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Context

COREMLTOOLS = ("coremltools>=9.0,<9.1",)
INPUT, LOGITS, PROBABILITIES = "image", "logits", "probabilities"
LABEL = "classLabel"


class ExportCoreML(Stage):
    """Export a torch model to a Core ML package: an image input with the normalisation folded in, class labels.

    Core ML runs on Apple's systems alone. What is checked here is the exported graph, with the normalisation folded,
    run by torch: figures `graph_sqnr_db`, `graph_rel_l2`, `graph_agreement`; also `ops` and `bytes`.
    """

    name = "export-coreml"
    inputs = {"model": TorchModel}
    outputs = {"model": CoreMLModel}
    requirements = (*REQUIREMENTS, *COREMLTOOLS)

    class Params(Stage.Params):
        """Params of `export-coreml`."""

        target: Literal["iOS15", "iOS16", "iOS17", "iOS18"] = Field("iOS17", description="oldest system to run on")
        precision: Literal["fp16", "fp32"] = Field("fp16", description="of weights and arithmetic")
        image_input: bool = Field(True, description="take an image (CVPixelBuffer), not a normalised array")
        labels: bool = Field(True, description="make a classifier: class names and probabilities")
        author: str = Field("", description="metadata")
        license: str = Field("", description="metadata")
        version: str = Field("", description="metadata")
        description: str = Field("", description="metadata")
        min_sqnr: float = Field(60, description="fail under this SQNR of the exported graph against the model, in dB")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Export, fold the normalisation, check the graph, convert, normalise the package."""
        from edgesmith_stages.formats.coreml import op_counts, quiet, save, spec_of
        from edgesmith_stages.models.recipe import build, logits
        from edgesmith_stages.parity import Parity, probe_images

        source, out = inputs["model"], ctx.out("model")
        contract = file_contract(source.contract, params)
        images = probe_images(contract, source.golden()[0], ctx.seed)
        module = build(source.path)
        wanted = logits(module, source.contract, images)
        ctx.progress(0, 3)
        program = _graph(module, source.contract, params)
        found = _run_graph(program, source.contract, params, images)
        parity = Parity.of(wanted, found)
        parity.require(params.min_sqnr, "the exported graph")
        ctx.progress(1, 3)
        made = CoreMLModel(out)
        with quiet():
            model = _convert(program, contract, params)
            _describe(model, params)
            save(model, made.file)
            ops = sum(op_counts(spec_of(made.file)).values())
        carry(source, out, contract)
        ctx.progress(3, 3)
        return {**{f"graph_{key}": value for key, value in parity.figures().items()}, "ops": ops, "bytes": made.bytes()}


def file_contract(source: InputContract, params: Any) -> InputContract:
    """Return the package's input contract; raise UserError where the model has no class names for labels."""
    if params.labels and (not source.classes or len(set(source.classes)) < len(source.classes)):
        found = "repeats a class name" if source.classes else "names no classes"
        raise UserError(f"the model's input contract {found}, which a classifier needs", hint="set `labels: false`")
    changes: dict[str, Any] = {"batch": 1, "output": "probabilities" if params.labels else "logits"}
    if params.image_input:
        changes |= {"layout": "NHWC", "dtype": "uint8", "normalised_by": "model"}
    return source.model_copy(update=changes)


def _graph(module: Any, contract: InputContract, params: Any) -> Any:
    import torch

    from edgesmith_stages.conversion import converting
    from edgesmith_stages.formats.coreml_input import centred, plain

    example = torch.zeros(1, contract.channels, *contract.size)
    head = torch.nn.Softmax(dim=1) if params.labels else None
    with converting("torch.export", "a graph", "write that part of the model without data-dependent control flow"):
        if params.image_input:
            return centred(module, contract.std, example, head)
        return plain(module, example, head)


def _run_graph(program: Any, contract: InputContract, params: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    import numpy as np
    import torch

    rows = contract.normalise(images)
    if params.image_input:
        mean = np.asarray(contract.mean, np.float32)
        rows = np.ascontiguousarray((images.astype(np.float32) / np.float32(255) - mean).transpose(0, 3, 1, 2))
    run = program.module()
    if params.labels:
        # Logits are compared, not probabilities: a softmax that is sure of itself hides any difference.
        last = run.graph.output_node()
        (softmax,) = last.args[0]
        last.args = ((softmax.args[0],),)
        run.recompile()
    with torch.inference_mode():
        return np.concatenate([run(torch.from_numpy(row[None])).numpy() for row in rows])


def _convert(program: Any, contract: InputContract, params: Any) -> Any:
    import coremltools
    import numpy as np

    from edgesmith_stages.conversion import converting

    shape = (1, contract.channels, *contract.size)
    given: Any = coremltools.TensorType(name=INPUT, shape=shape, dtype=np.float32)
    if params.image_input:
        grey = contract.channels == 1
        layout = coremltools.colorlayout.GRAYSCALE if grey else coremltools.colorlayout.RGB
        bias = [-value for value in contract.mean]
        given = coremltools.ImageType(
            name=INPUT, shape=shape, scale=1 / 255, bias=bias[0] if grey else bias, color_layout=layout
        )
    made: dict[str, Any] = {"outputs": [coremltools.TensorType(name=LOGITS, dtype=np.float32)]}
    if params.labels:
        made = {"classifier_config": coremltools.ClassifierConfig(list(contract.classes), predicted_feature_name=LABEL)}
    precision = {"fp16": coremltools.precision.FLOAT16, "fp32": coremltools.precision.FLOAT32}[params.precision]
    with converting("coremltools", "a Core ML model", "try another `target`, or replace that operator in the model"):
        return coremltools.convert(
            program,
            convert_to="mlprogram",
            minimum_deployment_target=getattr(coremltools.target, params.target),
            compute_precision=precision,
            inputs=[given],
            skip_model_load=True,
            **made,
        )


def _describe(model: Any, params: Any) -> None:
    model.author, model.license = params.author, params.license
    model.version, model.short_description = params.version, params.description
