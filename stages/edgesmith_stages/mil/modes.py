"""What becomes of a kernel's result: it is held in the mode's dtype, and rounded to the declared one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NAME, Mode, held

if TYPE_CHECKING:
    import torch

_EXACT = """
abs band_part batch_to_space ceil clip concat cond crop depth_to_space expand_dims flatten2d floor gather
gather_along_axis gather_nd identity list_gather list_read max_pool maximum minimum pad pixel_shuffle
pixel_unshuffle read_state reduce_max reduce_min relu relu6 reshape reshape_like resize_nearest_neighbor reverse
reverse_sequence round select sign slice_by_index slice_by_size slice_update sliding_windows space_to_batch
space_to_depth split squeeze stack thresholded_relu tile topk transpose upsample_nearest_neighbor while_loop
"""

EXACT = frozenset(_EXACT.split())
"""Operations whose results are elements of their inputs, or need no more bits than these: nothing is left to round."""


@dataclass(frozen=True)
class Finish:
    """How one result is finished.

    Attributes:
        held: the torch dtype it is held in.
        watched: whether it is a float that the operation may have lost.
        rounded: the narrower torch dtype whose values it may have, or None.
        shape: the declared sizes; None where one is open.
        open: the declared sizes with None for open ones, where `shape` is None.
    """

    held: torch.dtype
    watched: bool
    rounded: torch.dtype | None
    shape: tuple[int, ...] | None
    open: tuple[int | None, ...]


def finish(operation: str, declared: TensorType, mode: Mode, inputs: Iterable[str]) -> Finish:
    """Decide how a result of an operation is finished.

    Args:
        operation: its type.
        declared: the result's type.
        mode: how values are held.
        inputs: dtypes of the operation's tensor inputs.
    """
    dtype = BY_NAME[declared.dtype]
    same = all(name == dtype.name for name in inputs if name in BY_NAME and BY_NAME[name].is_float)
    lossy = dtype.is_float and not (operation in EXACT and same)
    rounded = dtype.stored_dtype if lossy and mode == "declared" and dtype.bits < 32 else None
    fixed = tuple(size for size in declared.shape if size is not None)
    shape = fixed if len(fixed) == len(declared.shape) else None
    return Finish(held(dtype.name, mode), lossy, rounded, shape, declared.shape)
