"""A format's quantiser, as sensitivity and tuning drive it: one file, many choices."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edgesmith import OnnxModel, TfliteModel
from edgesmith_stages.quantize.graph import Operation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


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


def quantiser_for(source: Model, images: NDArray[np.uint8] | None, scratch: Path, method: str = "minmax") -> Quantiser:
    """Return the quantiser of an ONNX or TFLite file.

    Args:
        source: the float file.
        images: calibration images, uint8 [N, H, W, C]; None where `int8` isn't asked for.
        scratch: for intermediate files.
        method: of calibration.
    """
    if isinstance(source, OnnxModel):
        from edgesmith_stages.quantize.onnx import OnnxQuantiser

        return OnnxQuantiser(source, images, method, scratch)
    if isinstance(source, TfliteModel):
        from edgesmith_stages.quantize.tflite import TfliteQuantiser

        return TfliteQuantiser(source, images)
    raise TypeError(f"no quantiser for a {source.kind} model")
