"""The options of training, the same for every stage that trains."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from edgesmith import DatasetRef, Stage

Share = Annotated[float, Field(ge=0, le=1)]
Area = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Augment(BaseModel):
    """Random changes to training images, by timm's transforms; the images of val are never touched.

    Attributes:
        scale: area of the random crop, as a share of the image's.
        ratio: its aspect ratio.
        hflip: probability of a mirror image (wrong for digits and letters).
        vflip: probability of an upside-down one.
        color_jitter: strength of brightness, contrast and saturation changes; not used beside `auto_augment`.
        auto_augment: a policy as timm writes them: `rand-m9-mstd0.5`, `augmix-m5-w4-d2`, `original`, `3a`.
        random_erase: probability of a rectangle painted over.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    scale: tuple[Area, Area] = (0.8, 1.0)
    ratio: tuple[Positive, Positive] = (0.9, 1.1)
    hflip: Share = 0.0
    vflip: Share = 0.0
    color_jitter: float = Field(default=0.0, ge=0)
    auto_augment: str | None = None
    random_erase: Share = 0.0

    @field_validator("scale", "ratio")
    @classmethod
    def _check_order(cls, pair: tuple[float, float]) -> tuple[float, float]:
        if pair[0] > pair[1]:
            raise ValueError(f"the least comes first: [{pair[1]:g}, {pair[0]:g}]")
        return pair


class TuningOptions(Stage.Params):
    """What to train on, and how, but not for how long: for stages that name their epochs otherwise."""

    data: DatasetRef = Field(default=DatasetRef(name="digits"), description="dataset to train and to score on")
    batch_size: int = Field(default=32, ge=2, description="images a step")
    lr: float = Field(default=1e-3, gt=0, description="highest learning rate, reached after the warm-up")
    optimizer: str = Field(default="adamw", description="as `timm.optim.list_optimizers` names them")
    weight_decay: float = Field(default=0.05, ge=0, description="not applied to biases and norms")
    warmup_epochs: float = Field(default=1.0, ge=0, description="linear warm-up; at most half of the epochs")
    min_lr: float = Field(default=0.0, ge=0, description="learning rate at the end of the cosine")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="share of the target given to all classes")
    clip_grad: float | None = Field(default=1.0, gt=0, description="largest norm of the gradients; null: unclipped")
    ema_decay: float | None = Field(
        default=None, gt=0, lt=1, description="keep a moving average of the weights, and give that as the result"
    )
    mixup: float = Field(default=0.0, ge=0, description="alpha of mixup; 0: off")
    cutmix: float = Field(default=0.0, ge=0, description="alpha of cutmix; 0: off")
    augment: Augment | None = Field(default=None, description="random changes to training images; null: none")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: CUDA where there is one")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: mixed precision on CUDA, float32 on the CPU"
    )
    channels_last: bool = Field(
        default=False, description="faster for most convolutional networks; torch 2.14 crashes on a few"
    )
    threads: int = Field(default=2, ge=1, description="threads of the CPU; another number gives other roundings")
    workers: int = Field(default=0, ge=0, description="processes that read images; results don't depend on it")

    @model_validator(mode="after")
    def _check_mixing(self) -> Self:
        if (self.mixup or self.cutmix) and self.batch_size % 2:
            raise ValueError("mixup and cutmix mix pairs of images: batch_size must be even")
        return self


class TrainingOptions(TuningOptions):
    """What to train on, for how long, and how. Subclass it to add a stage's own params."""

    epochs: int = Field(default=10, ge=1, description="passes over the training images")
