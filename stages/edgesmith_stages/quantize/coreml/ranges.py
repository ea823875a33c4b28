"""Ranges of activations over calibration images, from taps of the reference runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from edgesmith_stages.coreml_export.saved import SavedPackage, Tap
from edgesmith_stages.quantize.coreml.histograms import BINS, entropy, percentile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from edgesmith import CoreMLModel
    from edgesmith_stages.mil.program import Function

Ranges: TypeAlias = "dict[str, tuple[float, float]]"


def measure(model: CoreMLModel, images: NDArray[np.uint8], method: str) -> Ranges:
    """Run the saved package on images, one by one, and return the range of every float in its program.

    Args:
        model: the package.
        images: uint8 [N, H, W, C].
        method: "minmax" for the true extremes; "percentile" and "entropy" cut outliers off, in a second run.

    Returns:
        By the name of the value, least and largest. Names of values that became infinite or no numbers are left out.
    """
    saved = SavedPackage(model.file, model.contract)
    extremes = _Extremes()
    _run(saved, images, extremes)
    ranges = {key: (low, high) for key, (low, high) in extremes.found.items() if low - low == 0 == high - high}
    if method != "minmax":
        counts = _Histograms(ranges)
        _run(saved, images, counts)
        cut = {"percentile": percentile, "entropy": entropy}[method]
        ranges.update({key: cut(count, *ranges[key]) for key, count in counts.found.items()})
    return ranges


def shared(ranges: Ranges, groups: list[set[str]]) -> Ranges:
    """Give all members of a group the range that holds them all, so that a concat needs no requantisation."""
    made = dict(ranges)
    for group in groups:
        known = [ranges[name] for name in group if name in ranges]
        if known:
            wide = min(low for low, _ in known), max(high for _, high in known)
            made.update({name: wide for name in group if name in ranges})
    return made


def concats(function: Function) -> list[set[str]]:
    """Return the values that each concat joins and makes, concats that share a value taken together."""
    from edgesmith_stages.mil.program import Ref

    groups: list[set[str]] = []
    for operation in function.block.operations:
        if operation.type != "concat":
            continue
        joined = {one.name for one in operation.arguments["values"] if isinstance(one, Ref)}
        joined.update(value.name for value in operation.outputs)
        for group in [group for group in groups if group & joined]:
            groups.remove(group)
            joined |= group
        groups.append(joined)
    return groups


def _run(saved: SavedPackage, images: NDArray[np.uint8], tap: Tap) -> None:
    """Show the program's input and every result to a tap, image by image."""
    import torch

    (name,) = saved.interpreter.features.inputs
    for image in images:
        tap(name, torch.from_numpy(saved.contract.feed(image[None])).float())
        saved.run(image[None], tap)


class _Extremes:
    """A tap that keeps least and largest."""

    def __init__(self) -> None:
        self.found: Ranges = {}

    def __call__(self, name: str, tensor: Tensor) -> None:
        if not tensor.numel():
            return
        low, high = (float(one) for one in tensor.aminmax())
        before = self.found.get(name, (low, high))
        # Python's min and max drop a NaN that comes second; here it must stay.
        self.found[name] = _least(before[0], low), -_least(-before[1], -high)


class _Histograms:
    """A tap that counts values, in equal bins between known extremes."""

    def __init__(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        self.ranges = ranges
        self.found: dict[str, NDArray[np.float64]] = {}

    def __call__(self, name: str, tensor: Tensor) -> None:
        low, high = self.ranges.get(name, (0.0, 0.0))
        if low == high:
            return
        counted = tensor.float().histc(BINS, low, high).double().numpy()
        self.found[name] = self.found[name] + counted if name in self.found else counted


def _least(a: float, b: float) -> float:
    return a if a <= b or a != a else b
