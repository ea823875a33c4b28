"""Where training runs, and in what precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from edgesmith import UserError


class Wishes(Protocol):
    """The params that a device is chosen by, as `TrainingOptions` has them."""

    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def channels_last(self) -> bool: ...


@dataclass(frozen=True)
class Device:
    """A torch device with the settings for it.

    Attributes:
        torch: the `torch.device`.
        autocast: dtype of mixed precision, or None for float32.
        memory_format: of images and weights.
    """

    torch: Any
    autocast: Any
    memory_format: Any

    @property
    def scales(self) -> bool:
        """Whether gradients must be scaled: float16's range is too small for them."""
        import torch

        return bool(self.autocast == torch.float16)


def pick_device(options: Wishes) -> Device:
    """Choose device and precision; raise UserError if CUDA is asked for and not there."""
    import torch

    cuda = bool(torch.cuda.is_available())
    if options.device == "cuda" and not cuda:
        raise UserError(
            "`device: cuda` was asked for, but torch finds no CUDA device here",
            hint="leave `device` at `auto`, or check the driver with `nvidia-smi`",
        )
    device = torch.device("cuda" if cuda and options.device != "cpu" else "cpu")
    precision: str = options.precision
    if precision == "auto" and device.type == "cuda":
        precision = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    elif precision == "auto":
        precision = "float32"
    return Device(
        device,
        None if precision == "float32" else getattr(torch, precision),
        torch.channels_last if options.channels_last else torch.contiguous_format,
    )
