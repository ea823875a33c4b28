"""Round floats to a narrower dtype's values, at the speed of memory that is already in the cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PIECE = 1 << 17
"""Elements rounded at once: float32 and half of so many fit a core's second-level cache."""

_SMALL = 1 << 14


_LARGEST = (32 << 20) - (64 << 10)
"""Just under glibc's DEFAULT_MMAP_THRESHOLD_MAX."""


def keep_memory() -> None:
    """Let the C library keep the memory of large tensors when they are freed, for the next ones.

    glibc gives a freed block back to the system if it is larger than any that was freed before, and takes that size as
    its new threshold. Having seen one of 32 MB it keeps up to 64 MB. Without that, MobileViT-XXS spends a fifth of its
    time on page faults. Elsewhere this does nothing; the block itself is never touched.
    """
    import torch

    torch.empty(_LARGEST, dtype=torch.uint8)


class Rounder:
    """Rounds tensors; keeps a small buffer, since the system takes longer to give memory than the rounding does."""

    def __init__(self) -> None:
        self._buffers: dict[torch.dtype, Tensor] = {}

    def __call__(self, tensor: Tensor, dtype: torch.dtype, others: Iterable[Any]) -> Tensor:
        """Round to the nearest values of `dtype`, ties to even; beyond its largest to infinity.

        Args:
            tensor: floats, which are overwritten if that is safe.
            dtype: a narrower float dtype.
            others: what the tensor was made from; nothing is overwritten that one of them may share.

        Returns:
            Floats of the tensor's own dtype.
        """
        if tensor.numel() < _SMALL or not tensor.is_contiguous() or _shared(tensor, others):
            return tensor.to(dtype).to(tensor.dtype)
        buffer = self._buffer(dtype)
        flat = tensor.view(-1)
        for piece in flat.split(_PIECE) if flat.numel() > _PIECE else (flat,):
            narrow = buffer[: piece.numel()]
            narrow.copy_(piece)
            piece.copy_(narrow)
        return tensor

    def _buffer(self, dtype: torch.dtype) -> Tensor:
        import torch

        if dtype not in self._buffers:
            self._buffers[dtype] = torch.empty(_PIECE, dtype=dtype)
        return self._buffers[dtype]


def _shared(tensor: Tensor, others: Iterable[Any]) -> bool:
    """Whether a tensor's memory is also that of one of the others."""
    import torch

    place = tensor.untyped_storage().data_ptr()
    for other in others:
        if isinstance(other, torch.Tensor):
            if other.untyped_storage().data_ptr() == place:
                return True
        elif isinstance(other, (list, tuple)) and _shared(tensor, other):
            return True
    return False
