"""A package's described inputs and outputs, and arrays made into what the program takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.errors import unknown
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NAME
from edgesmith_stages.mil.program import Function
from edgesmith_stages.mil.sizes import Sizes, array_sizes, image_sizes
from edgesmith_stages.mil.valuetypes import describe

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

COLORS = ("RGB", "BGR", "GRAYSCALE", "GRAYSCALE_FLOAT16")

_KINDS = {
    "imageType": "image",
    "multiArrayType": "array",
    "stringType": "label",
    "int64Type": "label",
    "dictionaryType": "probabilities",
    "doubleType": "number",
}


@dataclass(frozen=True)
class Feature:
    """An input or output as the package describes it.

    Attributes:
        name: its name.
        kind: `array`, `image`, `label`, `probabilities` (by label) or `number`.
        type: the program's type of an array or image input; None for outputs.
        sizes: which shapes are valid, [N, C, H, W] for an image.
        color: an image's channel order, one of COLORS.
        default: what an optional input is filled with where it is not given, or None.
    """

    name: str
    kind: str
    type: TensorType | None = None
    sizes: Sizes | None = None
    color: str | None = None
    default: float | None = None


@dataclass(frozen=True)
class Features:
    """All inputs and outputs of a function.

    Attributes:
        inputs: by name, in the program's order, states left out.
        outputs: by name, in the described order.
        dtypes: MIL dtypes of the outputs that are tensors.
        label: name of the output with a classifier's answer, or "".
        probabilities: name of the output with a classifier's probabilities, or "".
    """

    inputs: Mapping[str, Feature]
    outputs: Mapping[str, Feature]
    dtypes: Mapping[str, str]
    label: str
    probabilities: str

    @classmethod
    def read(cls, spec: Any, function: Function) -> Features:
        """Read the description of a function.

        Args:
            spec: the package's `Model` message.
            function: the function as its program declares it.

        Raises:
            UserError: description and program disagree.
        """
        described = next((one for one in spec.description.functions if one.name == function.name), spec.description)
        messages = {one.name: one for one in described.input}
        tensors = {value.name: value.type for value in function.block.inputs if isinstance(value.type, TensorType)}
        if set(messages) != set(tensors):
            raise UserError(
                f"the package is damaged: it describes the inputs {sorted(messages)}, its program has {sorted(tensors)}"
            )
        inputs = {name: _input(messages[name], declared) for name, declared in tensors.items()}
        outputs = {one.name: Feature(one.name, _kind(one)) for one in described.output}
        if set(outputs) != set(function.block.outputs):
            raise UserError(
                f"the package is damaged: it describes the outputs {sorted(outputs)}, its program gives "
                f"{sorted(function.block.outputs)}"
            )
        names = (spec.description.predictedFeatureName, spec.description.predictedProbabilitiesName)
        return cls(inputs, outputs, _dtypes(function), *names)

    def tensors(
        self, arrays: Mapping[str, NDArray[np.generic]], held: Callable[[str], torch.dtype]
    ) -> dict[str, Tensor]:
        """Turn arrays into the program's inputs; see `Interpreter.run` for what is taken and for errors."""
        for name in arrays:
            if name not in self.inputs:
                raise UserError(unknown("input", name, self.inputs))
        return {name: _tensor(feature, arrays.get(name), held) for name, feature in self.inputs.items()}


def _kind(message: Any) -> str:
    return _KINDS.get(message.type.WhichOneof("Type") or "", "unknown")


def _dtypes(function: Function) -> dict[str, str]:
    values = list(function.block.inputs)
    for operation in function.block.operations:
        values += operation.outputs
    return {one.name: one.type.dtype for one in values if isinstance(one.type, TensorType)}


def _input(message: Any, declared: TensorType) -> Feature:
    kind = _kind(message)
    if kind == "image":
        image = message.type.imageType
        color = type(image).ColorSpace.Name(image.colorSpace) if image.colorSpace else "INVALID"
        if color not in COLORS or len(declared.shape) != 4:
            raise UserError(
                f"the package is damaged: the image {message.name!r} has the colour space {color} and the program's "
                f"shape {describe(declared.shape)}"
            )
        return Feature(message.name, kind, declared, image_sizes(image, declared.shape), color)
    if kind == "array":
        array = message.type.multiArrayType
        which = array.WhichOneof("defaultOptionalValue")
        default = float(getattr(array, which)) if which else 0.0 if message.type.isOptional else None
        return Feature(message.name, kind, declared, array_sizes(array, declared.shape), default=default)
    raise UserError(f"the input {message.name!r} is neither an array nor an image, which is not supported")


def _tensor(feature: Feature, array: NDArray[np.generic] | None, held: Callable[[str], torch.dtype]) -> Tensor:
    import numpy as np
    import torch

    declared, sizes = feature.type, feature.sizes
    assert declared is not None and sizes is not None
    dtype = BY_NAME[declared.dtype]
    if array is None:
        if feature.default is None:
            raise UserError(f"the input {feature.name!r} is not given, expected {sizes}")
        return torch.full(sizes.default, feature.default, dtype=held(dtype.name))
    array = np.asarray(array)
    if feature.kind == "image" and array.dtype == np.uint8:
        array = _planes(array, feature, sizes)
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and not dtype.is_float):
        raise UserError(f"the input {feature.name!r} has dtype {array.dtype}, expected {dtype.name}")
    if declared.shape == () and array.size == 1:
        array = array.reshape(())
    elif not sizes.allow(array.shape):
        raise UserError(f"the input {feature.name!r} has the shape {list(array.shape)}, expected {sizes}")
    tensor = torch.from_numpy(np.array(array, order="C"))  # a copy: the caller's array is the caller's
    return (tensor.to(dtype.stored_dtype) if dtype.bits < 32 else tensor).to(held(dtype.name))


def _planes(array: NDArray[np.generic], feature: Feature, sizes: Sizes) -> NDArray[np.generic]:
    """Turn pixels [N, H, W, C] into the program's [N, C, H, W], in its channel order; leave what is that already."""
    channels = 3 if feature.color in ("RGB", "BGR") else 1
    if array.ndim != 4 or array.shape[3] != channels:
        return array
    planes = array.transpose(0, 3, 1, 2)
    return planes[:, ::-1] if feature.color == "BGR" else planes
