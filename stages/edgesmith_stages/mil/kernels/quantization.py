"""Activations to and from 8-bit integers: quantize, dequantize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results

if TYPE_CHECKING:
    from torch import Tensor


def quantize(call: Call) -> Results:
    """clip(round(input / scale) + zero_point) as int8 or uint8; halves are rounded to even."""
    import torch

    x = call.tensor("input")
    dtype = torch.int8 if call.choice("output_dtype", ("int8", "uint8")) == "int8" else torch.uint8
    levels = torch.round(x / along(call.tensor("scale"), x, call))
    if call.has("zero_point"):
        levels = levels + along(call.tensor("zero_point"), x, call).to(x.dtype)
    range = torch.iinfo(dtype)
    return levels.clamp(range.min, range.max).to(dtype)


def dequantize(call: Call) -> Results:
    """scale * (input - zero_point)."""
    return scaled(call, call.tensor("input"))


def scaled(call: Call, data: Tensor) -> Tensor:
    """scale * (data - zero_point) in the dtype of scale, each a number or a vector along `axis`."""
    scale = along(call.tensor("scale"), data, call)
    shifted = data.to(scale.dtype)
    if call.has("zero_point"):
        shifted = shifted - along(call.tensor("zero_point"), data, call).to(scale.dtype)
    return shifted * scale


def along(parameter: Tensor, data: Tensor, call: Call) -> Tensor:
    """A vector reshaped so that it is broadcast along the axis `axis` of data; a number as it is."""
    if parameter.dim() == 0:
        return parameter
    axis = call.int("axis", 0) % data.dim()
    return parameter.reshape([-1 if at == axis else 1 for at in range(data.dim())])


KERNELS: Mapping[tuple[str, int], Kernel] = {("quantize", 7): quantize, ("dequantize", 7): dequantize}
