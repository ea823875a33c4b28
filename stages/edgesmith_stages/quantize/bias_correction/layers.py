"""Layers with weights as arithmetic: what one gives on average, from what it is given on average."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Means = dict[str, "NDArray[np.float64]"]
"""Over images, a tensor's mean by its name: images as [C, H, W], vectors as [C]."""


@dataclass(frozen=True)
class Layer:
    """A convolution or linear layer of a file, in real numbers whatever it is stored in.

    Attributes:
        name: what the same layer is called in the float file and in the quantised one.
        given: the tensor that it reads, as runtimes' taps call it.
        weight: float64 [out, in / groups, height, width]; 1 x 1 for a linear layer.
        bias: float64 [out].
        rounded: whether weight and bias are integers in the file.
        strides: vertical, horizontal.
        dilations: likewise.
        pads: zeros at the top, left, bottom, right; None for as many as keep the size, divided by the strides, the odd
            one at the end (TFLite's SAME).
    """

    name: str
    given: str
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    rounded: bool = False
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] | None = (0, 0, 0, 0)

    def mean(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of each output channel, before any activation, over images and positions: float64 [out].

        Convolutions are linear, so the mean of their results is their result of the mean.

        Args:
            given: mean over images of the input, [C, H, W] or [C].
        """
        return self.product(given) + self.bias

    def product(self, given: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return the same without the bias, or with another weight of the same shape."""
        import numpy as np

        weight = self.weight if weight is None else weight
        windows = self._windows(given.reshape(*given.shape, *[1] * (3 - given.ndim)))
        groups = len(windows) // weight.shape[1]
        parts = weight.reshape(groups, -1, *weight.shape[1:])
        given = windows.reshape(groups, -1, *windows.shape[1:])
        return np.asarray(np.einsum("gochw,gchw->go", parts, given).ravel(), np.float64)

    def _windows(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over all positions of what each weight of a kernel meets: [C, height, width]."""
        import numpy as np

        kernel = self.weight.shape[2:]
        top, left, bottom, right = self.pads or _same(image.shape[1:], kernel, self.strides, self.dilations)
        padded = np.pad(image, ((0, 0), (top, bottom), (left, right)))
        reach = [(size - 1) * dilation for size, dilation in zip(kernel, self.dilations, strict=True)]
        last = [size - span for size, span in zip(padded.shape[1:], reach, strict=True)]
        found = np.empty((len(image), *kernel))
        for row in range(kernel[0]):
            for column in range(kernel[1]):
                down, across = row * self.dilations[0], column * self.dilations[1]
                met = padded[:, down : down + last[0] : self.strides[0], across : across + last[1] : self.strides[1]]
                found[:, row, column] = met.mean((1, 2))
        return found


class WeightedFile(Protocol):
    """A model file whose layers can be read and whose biases can be shifted."""

    def layers(self) -> list[Layer]:
        """Its convolutions and linear layers that have constant weights and biases, in the order of the file."""
        ...

    def shift(self, name: str, amount: NDArray[np.float64]) -> None:
        """Add to a layer's bias, [out], as finely as its integers allow."""
        ...

    def means(self, rows: NDArray[np.generic], names: set[str]) -> Means:
        """Run the file as it is now on each row alone; return the means of the named tensors, by their taps' names."""
        ...

    def answers(self, rows: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run it in its runtime, as a benchmark does: float32 [N, classes]."""
        ...

    def save(self, file: Path) -> None:
        """Write it."""
        ...


def moved(codes: NDArray[np.int32], amount: NDArray[np.float64], scale: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return a bias's integers, [out], moved by a real amount, within what 32 bits hold."""
    import numpy as np

    limits = np.iinfo(np.int32)
    wide = codes.astype(np.int64) + np.rint(amount / scale).astype(np.int64)
    return np.clip(wide, limits.min, limits.max).astype(np.int32)


def channels_first(values: NDArray[np.float64], channel: int) -> NDArray[np.float64]:
    """Return the mean over a batch: [N, ...] of images as [C, H, W], of anything else over all but the last dimension.

    Args:
        values: float64.
        channel: the dimension that an image's channels lie in.
    """
    import numpy as np

    if values.ndim == 4:
        return np.asarray(np.moveaxis(values, channel, 1).mean(0), np.float64)
    return np.asarray(values.reshape(-1, values.shape[-1]).mean(0), np.float64)


def _same(
    size: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> tuple[int, int, int, int]:
    wanted = [
        max((-(-length // stride) - 1) * stride + (width - 1) * dilation + 1 - length, 0)
        for length, width, stride, dilation in zip(size, kernel, strides, dilations, strict=True)
    ]
    (top, left), (down, across) = (one // 2 for one in wanted), wanted
    return top, left, down - top, across - left
