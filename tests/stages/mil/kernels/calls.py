"""Builds the `Call` that a kernel is given, from arrays, numbers and strings, as the interpreter would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from edgesmith_stages.mil.call import Call, Kernel, TensorType

INTEGERS = {
    "bool": torch.bool,
    "int4": torch.int8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "uint16": torch.int32,
    "uint32": torch.int64,
} | {f"uint{bits}": torch.uint8 for bits in (1, 2, 3, 4, 6)}


def call(
    type: str,
    /,
    *,
    output: TensorType | None = None,
    outputs: Sequence[TensorType] | None = None,
    compute: torch.dtype = torch.float32,
    blocks: Sequence[Callable[..., tuple[Any, ...]]] = (),
    **arguments: Any,
) -> Call:
    """A call of operation `type`.

    Args:
        output: declared type of its only output; a float tensor by default, since few kernels look at it.
        outputs: declared types where there are several.
        compute: the mode's float dtype; every float argument is held in it.
        arguments: by MIL input name. Tensors and arrays keep their integer dtypes; Python ints become int32. A list of
            numbers is a tensor; a tuple is a variadic input. None leaves an input out.
    """
    types = list(outputs) if outputs is not None else [output or TensorType("fp32")]
    bound = {name: bind(value, compute) for name, value in arguments.items() if value is not None}
    return Call(type, f"{type}_0", bound, types, lambda name: INTEGERS.get(name, compute), tuple(blocks))


def bind(value: Any, compute: torch.dtype = torch.float32) -> Any:
    """A value as the interpreter holds it: a tensor, a str, or a list of these for a tuple."""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [bind(one, compute) for one in value]
    tensor = value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))
    if tensor.is_floating_point():
        return tensor.to(compute)
    if tensor.dtype == torch.uint16 or (tensor.dtype == torch.int64 and not isinstance(value, torch.Tensor)):
        return tensor.to(torch.int32)
    return tensor


def run(kernel: Kernel, /, type: str = "op", **arguments: Any) -> Any:
    """What a kernel gives for these arguments (see `call`): a tensor, or a list of them."""
    found = kernel(call(type, **arguments))
    return found if isinstance(found, torch.Tensor) else list(found)
