"""Random changes to training images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith.input_contract import Color, plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from edgesmith import InputContract
    from edgesmith_stages.training.options import Augment, TrainingOptions

Transform = Callable[["Image"], "NDArray[np.uint8]"]
Mix = Callable[[Any, Any], tuple[Any, Any]]


def image_transform(augment: Augment, contract: InputContract) -> Transform:
    """Return timm's training transform: an image becomes random pixels, uint8 [H, W, C].

    Normalisation is left out: it is the contract's, as for every other image.

    Raises:
        UserError: timm doesn't know the `auto_augment` policy.
    """
    from timm.data import create_transform

    try:
        transform = create_transform(
            input_size=(contract.channels, *contract.size),
            is_training=True,
            scale=augment.scale,
            ratio=augment.ratio,
            hflip=augment.hflip,
            vflip=augment.vflip,
            color_jitter=augment.color_jitter or None,
            auto_augment=augment.auto_augment,
            interpolation=contract.resample,
            mean=contract.mean,
            std=contract.std,
            normalize=False,
        )
    except (AssertionError, ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"timm can't make the augmentation {augment.auto_augment!r}: {error}".rstrip(": "),
            hint="expected a policy such as `rand-m9-mstd0.5`, `augmix-m5-w4-d2`, `original` or `3a`",
        ) from error

    return _ImageTransform(transform, contract.color)


@dataclass(frozen=True)
class _ImageTransform:
    """A class, not a closure, because it is sent to the processes that read images."""

    steps: Any
    color: Color

    def __call__(self, image: Image) -> NDArray[np.uint8]:
        import numpy as np

        return np.asarray(self.steps(plain(image, self.color)).permute(1, 2, 0).numpy(), dtype=np.uint8)


def batch_mix(options: TrainingOptions, classes: int) -> Mix:
    """Return the function that makes training targets, and that mixes images where the options ask for it.

    It takes images, float [N, C, H, W], and labels, int64 [N]; it returns images and targets, float [N, classes],
    with label smoothing in them.
    """
    from timm.data import Mixup
    from timm.data.mixup import mixup_target
    from timm.data.random_erasing import RandomErasing

    mixup = None
    if options.mixup or options.cutmix:
        mixup = Mixup(options.mixup, options.cutmix, label_smoothing=options.label_smoothing, num_classes=classes)
    probability = options.augment.random_erase if options.augment else 0.0
    erase = RandomErasing(probability, mode="pixel", device="cpu") if probability else None

    def mix(images: Any, labels: Any) -> tuple[Any, Any]:
        if erase is not None:
            images = erase(images)
        if mixup is not None:
            mixed: tuple[Any, Any] = mixup(images, labels)
            return mixed
        return images, mixup_target(labels, classes, 1.0, options.label_smoothing)

    return mix
