"""How many weights a package has compressed, and how near they are to what they were."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from edgesmith_stages.mil.interpret import Interpreter


def compressed_weights(spec: Any) -> int:
    """Count the weights of a specification that operators read in compressed form."""
    count = 0
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            made: set[str] = set()
            read: set[str] = set()
            for operation in block.operations:
                if is_compressed(operation.type):
                    made.update(value.name for value in operation.outputs)
                else:
                    read.update(one.name for argument in operation.inputs.values() for one in argument.arguments)
            count += len(made & read)
    return count


ENCODINGS = {
    "linear": (
        "constexpr_affine_dequantize",
        "constexpr_blockwise_shift_scale",
        "constexpr_sparse_blockwise_shift_scale",
    ),
    "palettize": ("constexpr_lut_to_dense", "constexpr_lut_to_sparse"),
    "sparse": ("constexpr_sparse_to_dense",),
}
"""Operators that a scheme makes, by the first word of its name."""


def made_by(scheme: str, present: Iterable[str]) -> bool:
    """Whether a scheme's own operators are among those of a program; in joint forms others are there too."""
    family = "linear" if scheme == "int8" else scheme.partition("-")[0]
    return not set(ENCODINGS[family]).isdisjoint(present)


def is_compressed(type: str) -> bool:
    """Whether an operator of this type decompresses a weight; a constexpr_cast does not."""
    return type.startswith("constexpr_") and type != "constexpr_cast"


def eligible_weights(model: Any, params: Any) -> int:
    """Count the weights of an MLModel that the user wants compressed: large enough, and not left out."""
    from coremltools.optimize import coreml

    excluded = params.exclude or ()
    return sum(
        entry.val.ndim > 1
        and entry.val.dtype.kind == "f"
        and entry.val.size > params.min_elements
        and not any(child.op_type in excluded for child in entry.child_ops)
        for entry in coreml.get_weights_metadata(model, params.min_elements).values()
    )


def weight_sqnr(before: Path, after: Path, least: int) -> float:
    """SQNR in dB over all weights of more than `least` elements, of two packages.

    They are decoded by the reference runtime: coremltools does it by passes over the whole program, which took as long
    as compressing.
    """
    import torch

    from edgesmith.parity import sqnr_db
    from edgesmith_stages.mil.interpret import Interpreter

    wanted, found = (_weights(Interpreter(file), least) for file in (before, after))
    pairs = [(wanted[key], found[key]) for key in wanted if key in found and wanted[key].shape == found[key].shape]
    if not pairs:
        return 0.0
    return sqnr_db(*(torch.cat([one.double().ravel() for one in each]).numpy() for each in zip(*pairs, strict=True)))


def _weights(opened: Interpreter, least: int) -> dict[tuple[str, str], Tensor]:
    """Weights by the operation that takes them, and its argument: their own names change with compression."""
    import torch

    return {
        (name, argument): value
        for name, constants in opened.constants.items()
        for argument, value in constants.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim > 1 and value.numel() > least
    }
