"""Pools, all over 1 to 3 spatial dimensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.kernels.padding import padded, spatial_padding
from edgesmith_stages.mil.kernels.precision import widened

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class _Windows:
    """Where the windows of a pool lie.

    Attributes:
        kernel, strides: by spatial dimension.
        pad: [before, after] by spatial dimension, as the program has it.
        beyond: [0, after] by spatial dimension: what ceil_mode's last windows need past the padding.
    """

    kernel: Sequence[int]
    strides: Sequence[int]
    pad: Sequence[int]
    beyond: Sequence[int]

    def pool(self, x: Tensor, how: Callable[..., Tensor], **options: object) -> Tensor:
        """`how` (a 3-D pool of torch's) over an x (n, c, *spatial) that is padded already."""
        spatial = x.dim() - 2
        ones = [1] * (3 - spatial)
        y = how(x.reshape(*x.shape, *ones), [*self.kernel, *ones], [*self.strides, *ones], **options)
        return y.reshape(y.shape[: 2 + spatial])


def _windows(call: Call, x: Tensor) -> _Windows:
    sizes, kernel = x.shape[2:], call.ints("kernel_sizes")
    strides = call.ints("strides", [1] * len(sizes))
    pad = spatial_padding(call, sizes, kernel, strides, [1] * len(sizes))
    beyond = [0] * len(pad)
    if call.flag("ceil_mode", False):
        for axis, (size, taps, stride) in enumerate(zip(sizes, kernel, strides, strict=True)):
            before, after = pad[2 * axis : 2 * axis + 2]
            count = -(-(size + before + after - taps) // stride) + 1
            # A window that starts past the input is dropped, but only where there is padding.
            count -= (count - 1) * stride >= size + (before + after) / 2 and before + after > 0
            beyond[2 * axis + 1] = max(0, (count - 1) * stride + taps - (size + before + after))
    return _Windows(kernel, strides, pad, beyond)


def max_pool(call: Call) -> Results:
    """The largest of each window; padding never is."""
    import torch

    x = widened(call.tensor("x"))
    windows = _windows(call, x)
    x = padded(padded(x, windows.pad, -torch.inf), windows.beyond, -torch.inf)
    return windows.pool(x, torch.nn.functional.max_pool3d)


def avg_pool(call: Call) -> Results:
    """The mean of each window. Padding counts as zeros, unless exclude_padding_from_average.

    What ceil_mode's last windows have past the padding never counts, as in torch.
    """
    import torch

    x = widened(call.tensor("x"))
    windows = _windows(call, x)
    counted = torch.ones(1, 1, *x.shape[2:], dtype=x.dtype)
    counted = padded(counted, windows.pad, 0.0 if call.flag("exclude_padding_from_average", False) else 1.0)
    count = _sum(padded(counted, windows.beyond), windows)
    return _sum(padded(padded(x, windows.pad), windows.beyond), windows) / count.clamp(min=1)


def l2_pool(call: Call) -> Results:
    """The square root of each window's sum of squares."""
    x = widened(call.tensor("x"))
    windows = _windows(call, x)
    return _sum(padded(padded(x.square(), windows.pad), windows.beyond), windows).sqrt()


def _sum(x: Tensor, windows: _Windows) -> Tensor:
    from torch.nn.functional import avg_pool3d

    return windows.pool(x, avg_pool3d, divisor_override=1)


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("avg_pool", 5): avg_pool,
    ("l2_pool", 5): l2_pool,
    ("max_pool", 5): max_pool,
}
