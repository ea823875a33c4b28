"""How a student listens to its teachers, and what can't be asked for together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from edgesmith import TorchModel, UserError
from edgesmith_stages.distillation.artifact import TeacherLogits
from edgesmith_stages.training.network import NetworkOptions

if TYPE_CHECKING:
    from edgesmith import Artifact

DKD_ALPHA, DKD_BETA = 1.0, 8.0
"""The paper's weights for CIFAR-100 with most pairs of networks (Zhao et al., 2022, appendix A.1)."""

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ListeningOptions(NetworkOptions):
    """The student, how it listens to its teachers, and how it is trained."""

    loss: Literal["kd", "dkd"] = Field(default="kd", description="kd: Hinton's; dkd: decoupled (Zhao et al., 2022)")
    temperature: float = Field(default=4.0, gt=0, description="softens both sides' probabilities")
    alpha: float = Field(default=0.7, ge=0, le=1, description="weight of the teachers; the labels have the rest")
    dkd_alpha: float | None = Field(
        default=None, ge=0, description=f"of `dkd`: weight of how sure the teacher is of the label; null: {DKD_ALPHA:g}"
    )
    dkd_beta: float | None = Field(
        default=None, ge=0, description=f"of `dkd`: weight of how it ranks the other classes; null: {DKD_BETA:g}"
    )
    teacher_weights: tuple[Weight, ...] | None = Field(
        default=None, description="the teachers' weights in their average, in the order of `needs`; null: equal ones"
    )
    hints: Literal["auto"] | dict[str, str] | None = Field(
        default=None,
        description="layers to learn from the first torch teacher, as `{mine: theirs}`; auto: those of equal stride",
    )
    hint_weight: float | None = Field(
        default=None, gt=0, description="weight of the hints beside the rest of the loss; null: 1"
    )

    @property
    def decoupling(self) -> tuple[float, float]:
        """The weights of `dkd`'s two parts: of the label, and of the other classes."""
        target = DKD_ALPHA if self.dkd_alpha is None else self.dkd_alpha
        return target, DKD_BETA if self.dkd_beta is None else self.dkd_beta

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        given = [name for name in ("dkd_alpha", "dkd_beta") if getattr(self, name) is not None]
        if self.loss != "dkd" and given:
            raise ValueError(f"`{given[0]}` belongs to `loss: dkd`, and `loss` is {self.loss}")
        if self.loss == "dkd" and not any(self.decoupling):
            raise ValueError("with `dkd_alpha: 0` and `dkd_beta: 0` nothing of the teacher is left")
        mixed = [name for name in ("mixup", "cutmix") if getattr(self, name)]
        if self.loss == "dkd" and mixed:
            raise ValueError(f"`loss: dkd` needs one label an image, and `{mixed[0]}` mixes two: take `loss: kd`")
        if self.hint_weight is not None and not self.hints:
            raise ValueError("`hint_weight` weighs nothing without `hints`")
        if self.hints == {}:
            raise ValueError("`hints` names no layer: leave it out, or say `hints: auto`")
        return self


def check_teachers(params: ListeningOptions, kinds: tuple[type[Artifact], ...]) -> None:
    """Raise UserError for params that don't go with the teachers connected."""
    count, weights = len(kinds), params.teacher_weights
    if weights is not None and len(weights) != count:
        raise UserError(
            f"`teacher_weights` has {len(weights)} weights for {count} teacher{'s' * (count != 1)}",
            hint="give one for each node of `needs: {teacher: [...]}`, in its order",
        )
    if params.hints and not any(issubclass(kind, TorchModel) for kind in kinds):
        raise UserError(
            "`hints` are what a teacher's layers give, and cached logits have no layers",
            hint="connect the torch model itself as `teacher`, or leave `hints` out",
        )
    if not any(issubclass(kind, TeacherLogits) for kind in kinds):
        return
    changes = [name for name in ("augment", "mixup", "cutmix") if getattr(params, name)]
    if changes:
        raise UserError(
            f"cached logits are of images as they are, and `{changes[0]}` changes them in every epoch",
            hint=f"leave `{changes[0]}` out, or connect the torch model itself as `teacher`",
        )
