"""Half precision on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def widened(x: Tensor) -> Tensor:
    """`x`, in single precision if it is half.

    For sums. Hardware adds halves up in single precision; torch has no half kernel for some of these operations, and
    is 25 times slower in others. The interpreter rounds the result to half again.
    """
    import torch

    return x.float() if x.dtype == torch.float16 else x
