"""All kernels, by operation type and the opset in which that meaning begins."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from edgesmith_stages.mil.call import Kernel
from edgesmith_stages.mil.kernels import (
    activation,
    classify,
    constexpr,
    control,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    normalization,
    pool,
    quantization,
    random,
    recurrent,
    reduction,
    scatter_gather,
    state,
    tensor_operation,
    tensor_transformation,
    transformers,
)

MODULES = (
    activation,
    classify,
    constexpr,
    control,
    conv,
    elementwise_binary,
    elementwise_unary,
    image_resizing,
    linear,
    normalization,
    pool,
    quantization,
    random,
    recurrent,
    reduction,
    scatter_gather,
    state,
    tensor_operation,
    tensor_transformation,
    transformers,
)


@cache
def kernels() -> Mapping[str, Mapping[int, Kernel]]:
    """Return the kernels of all modules: by operation type, then by opset."""
    table: dict[str, dict[int, Kernel]] = {}
    for module in MODULES:
        for (operation, opset), kernel in module.KERNELS.items():
            if opset in table.setdefault(operation, {}):
                raise AssertionError(f"two kernels for {operation} at opset {opset}")
            table[operation][opset] = kernel
    return table


def find(operation: str, opset: int) -> Kernel | None:
    """Return the kernel of an operation in a program of an opset, the newest not above it, or None."""
    known = kernels().get(operation, {})
    begun = [one for one in known if one <= opset]
    return known[max(begun)] if begun else None
