"""A format's quantiser, as sensitivity and tuning drive it: one file, many choices."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from edgesmith import CoreMLModel, OnnxModel, TfliteModel, UserError
from edgesmith_stages.quantize.graph import Operation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model
    from edgesmith_stages.quantize.assignment import Assignment


class Quantiser(Protocol):
    """One float file, with the ranges of its activations."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What can be left in float, by name, in the order of the file."""
        ...

    def slow(self, scheme: str) -> tuple[str, ...]:
        """Return the names of what a scheme leaves in float by default."""
        ...

    def write(self, scheme: str, keep: Collection[str], file: Path) -> dict[str, Any]:
        """Write the file under a scheme, but for the operations to keep; return figures."""
        ...


@runtime_checkable
class MixingQuantiser(Quantiser, Protocol):
    """One that can quantise each operation by another scheme."""

    def mix(self, forms: Mapping[str, str], file: Path) -> dict[str, Any]:
        """Write the file with each operation under its scheme, and what isn't named in float; return figures."""
        ...


def write_assigned(quantiser: Quantiser, assignment: Assignment, file: Path) -> dict[str, Any]:
    """Write the file that an assignment describes; return figures.

    Raises:
        UserError: it mixes schemes, and the format can't.
    """
    if not assignment.forms:
        return quantiser.write(assignment.scheme, assignment.keep, file)
    if not isinstance(quantiser, MixingQuantiser):
        raise UserError(f"{assignment.format} files can't mix schemes", hint="connect what `tune-precision` wrote")
    return quantiser.mix(assignment.forms, file)


def quantiser_for(source: Model, images: NDArray[np.uint8] | None, scratch: Path, method: str = "minmax") -> Quantiser:
    """Return the quantiser of an ONNX, TFLite or Core ML file.

    Args:
        source: the float file.
        images: calibration images, uint8 [N, H, W, C]; None where `int8` isn't asked for.
        scratch: for intermediate files.
        method: of calibration.
    """
    if isinstance(source, OnnxModel):
        from edgesmith_stages.quantize.onnx_schemes import OnnxSchemes

        return OnnxSchemes(source, images, method, scratch)
    if isinstance(source, TfliteModel):
        from edgesmith_stages.quantize.tflite import TfliteQuantiser

        return TfliteQuantiser(source, images)
    if isinstance(source, CoreMLModel):
        from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser

        return CoreMLQuantiser(source)
    raise TypeError(f"no quantiser for a {source.kind} model")
