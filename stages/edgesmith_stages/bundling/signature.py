"""What a model file itself says of its input and output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgesmith import CoreMLModel, InputContract, Model, OnnxModel, TfliteModel, UserError

ONNX_TYPES = {1: "float32", 2: "uint8", 3: "int8"}
"""Names of ONNX' element types that wrappers are written for."""


@dataclass(frozen=True)
class Quantization:
    """How integers stand for numbers: `real = scale * (integer - zero_point)`."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
        name: in the file.
        dtype: `float32`, `uint8` or `int8`; of a Core ML image `uint8`.
        quantization: of a tensor of integers that stand for numbers, else None.
        form: what holds it: `array`, or for Core ML also `image` or `probabilities` (a dictionary by label).
    """

    name: str
    dtype: str = "float32"
    quantization: Quantization | None = None
    form: str = "array"


@dataclass(frozen=True)
class Signature:
    """The file's input and its first output, in `format`: `onnx`, `tflite` or `coreml`."""

    format: str
    input: Tensor
    output: Tensor


def signature(model: Model) -> Signature:
    """Read a model file's signature.

    Raises:
        UserError: the file's input is not what its contract says, or of a type that no wrapper is written for.
    """
    if isinstance(model, OnnxModel):
        found = _onnx(model)
    elif isinstance(model, TfliteModel):
        found = _tflite(model)
    elif isinstance(model, CoreMLModel):
        found = _coreml(model)
    else:
        raise UserError(f"a bundle takes a Core ML, TFLite or ONNX model, and this is {model.kind}")
    _check(found, model.contract)
    return found


def _onnx(model: Model) -> Signature:
    import onnx

    graph = onnx.load(model.file, load_external_data=False).graph
    weights = {one.name for one in graph.initializer}
    (given, *_), answer = [one for one in graph.input if one.name not in weights], graph.output[0]
    return Signature("onnx", _onnx_tensor(given), _onnx_tensor(answer))


def _onnx_tensor(value: Any) -> Tensor:
    number = value.type.tensor_type.elem_type
    if number not in ONNX_TYPES:
        raise UserError(f"the ONNX file's {value.name!r} is of element type {number}; expected float32, uint8 or int8")
    return Tensor(value.name, ONNX_TYPES[number])


def _tflite(model: Model) -> Signature:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model.file))
    sides = (interpreter.get_input_details()[0], interpreter.get_output_details()[0])
    given, answer = (_tflite_tensor(one) for one in sides)
    return Signature("tflite", given, answer)


def _tflite_tensor(detail: Any) -> Tensor:
    import numpy as np

    dtype = np.dtype(detail["dtype"]).name
    scale, zero = detail["quantization"]
    quantised = dtype in ("int8", "uint8") and scale
    return Tensor(detail["name"], dtype, Quantization(float(np.float32(scale)), int(zero)) if quantised else None)


def _coreml(model: Model) -> Signature:
    from edgesmith_stages.mil.package import Package

    described = Package.open(model.file).spec.description
    if len(described.input) != 1:
        raise UserError(f"the Core ML package takes {len(described.input)} inputs, expected one")
    image = described.input[0].type.WhichOneof("Type") == "imageType"
    given = Tensor(described.input[0].name, "uint8" if image else "float32", form="image" if image else "array")
    probabilities = described.predictedProbabilitiesName
    form = "probabilities" if probabilities else "array"
    return Signature("coreml", given, Tensor(probabilities or described.output[0].name, form=form))


def _check(found: Signature, contract: InputContract) -> None:
    """Refuse what a wrapper would get wrong."""
    wanted, given = contract.dtype, found.input
    quantised = given.quantization is not None and wanted == "float32"
    if contract.batch not in (None, 1):
        raise UserError(
            f"the model takes {contract.batch} images at once, and a bundle's wrapper gives it one",
            hint="export the model with a batch of 1",
        )
    if (wanted != given.dtype and not quantised) or (wanted != "float32" and contract.normalised_by == "host"):
        raise UserError(
            f"the input contract says {wanted}, normalised by the {contract.normalised_by}, and the file takes "
            f"{given.dtype}: no wrapper is written for that"
        )
    if found.output.dtype != "float32" and found.output.quantization is None:
        raise UserError(f"the file's output is {found.output.dtype} without a scale; expected float32")
