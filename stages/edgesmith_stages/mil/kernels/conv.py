"""Convolutions: conv, conv_quantized, conv_transpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.padding import padded, spatial_padding, split
from edgesmith_stages.mil.kernels.precision import widened
from edgesmith_stages.mil.room import between_room, padded_room, room

if TYPE_CHECKING:
    from torch import Tensor


def conv(call: Call) -> Results:
    """1-D to 3-D cross-correlation of x (n, c_in, *d) with weight (c_out, c_in / groups, *k), zero-padded."""
    return _conv(call, call.tensor("weight"))


def conv_quantized(call: Call) -> Results:
    """conv with weight = quantised weight * quant_scale + quant_bias, each a number or one an output channel."""
    weight = call.tensor("weight")
    if (kind := call.text("quantization_type")) != "linear":
        raise UserError(
            f"conv_quantized {call.name}: quantization_type {kind!r} is not supported",
            hint="convert the model again: coremltools writes constexpr_ operations instead",
        )
    scale, shift = (_by_channel(call.tensor(name), weight) for name in ("quant_scale", "quant_bias"))
    return _conv(call, weight.to(scale.dtype) * scale + shift)


def _by_channel(parameter: Tensor, weight: Tensor) -> Tensor:
    return parameter.reshape(-1, *[1] * (weight.dim() - 1))


def _conv(call: Call, weight: Tensor) -> Tensor:
    import torch

    x = widened(call.tensor("x"))
    weight = weight.to(x.dtype)
    spatial = x.dim() - 2
    strides, dilations = call.ints("strides", [1] * spatial), call.ints("dilations", [1] * spatial)
    pad = spatial_padding(call, x.shape[2:], weight.shape[2:], strides, dilations)
    padded_room(x, pad)
    extents = [(taps - 1) * dilation + 1 for taps, dilation in zip(weight.shape[2:], dilations, strict=True)]
    wide = [size + sum(pad[2 * axis : 2 * axis + 2]) for axis, size in enumerate(x.shape[2:])]
    spots = [(one - extent) // stride + 1 for one, extent, stride in zip(wide, extents, strides, strict=True)]
    room(call, [len(x), len(weight), *spots])
    # Equal sides are left to torch, which does not copy x.
    around = pad[::2]
    if around != pad[1::2]:
        x, around = padded(x, pad), [0] * spatial
    groups = call.int("groups", 1)
    return torch.convolution(x, weight, _bias(call, x), strides, around, dilations, False, [0] * spatial, groups)


def conv_transpose(call: Call) -> Results:
    """The gradient of conv: weight (c_in, c_out / groups, *k), out = in * stride for pad_type same.

    Padding crops the full result; what `output_shape` wants beyond it is zeros, plus the bias.
    """
    import torch

    x = widened(call.tensor("x"))
    weight = call.tensor("weight").to(x.dtype)
    spatial = x.dim() - 2
    strides, dilations = call.ints("strides", [1] * spatial), call.ints("dilations", [1] * spatial)
    none = [0] * spatial
    groups, pad_type = call.int("groups", 1), call.text("pad_type", "valid").lower()
    whole = [
        (size - 1) * stride + (taps - 1) * dilation + 1
        for size, stride, taps, dilation in zip(x.shape[2:], strides, weight.shape[2:], dilations, strict=True)
    ]
    between_room("uncropped result", [len(x), weight.shape[1] * groups, *whole])
    sizes, pad = whole, [0, 0] * spatial
    if pad_type == "custom":
        pad = call.ints("pad", pad)
        sizes = [size - before - after for size, before, after in zip(sizes, pad[::2], pad[1::2], strict=True)]
    elif pad_type != "valid":
        sizes = [size * stride for size, stride in zip(x.shape[2:], strides, strict=True)]
    if call.has("output_shape"):
        sizes = call.ints("output_shape")[2:]
    if pad_type not in ("custom", "valid"):
        pad = split([max(0, size - kept) for size, kept in zip(whole, sizes, strict=True)], pad_type)
    room(call, [len(x), weight.shape[1] * groups, *sizes])
    crops = [
        side
        for size, kept, before in zip(whole, sizes, pad[::2], strict=True)
        for side in (-before, kept - (size - before))
    ]
    full = torch.convolution(x, weight, None, strides, none, dilations, True, none, groups)
    bias = _bias(call, x)
    return padded(full, crops) if bias is None else padded(full, crops) + bias.reshape(-1, *[1] * spatial)


def _bias(call: Call, x: Tensor) -> Tensor | None:
    bias = call.maybe("bias")
    return None if bias is None else bias.to(x.dtype)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("conv", 5): conv,
    ("conv_quantized", 5): conv_quantized,
    ("conv_transpose", 5): conv_transpose,
}
