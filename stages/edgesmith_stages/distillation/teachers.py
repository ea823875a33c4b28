"""Those who teach: networks that are asked in every step, and logits that were cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith_stages.distillation.artifact import TeacherLogits
from edgesmith_stages.distillation.watch import Watched

if TYPE_CHECKING:
    from edgesmith import Dataset, InputContract, TorchModel
    from edgesmith_stages.training.data import TrainingData


@dataclass(frozen=True)
class Panel:
    """Teachers in their order.

    Attributes:
        voices: what gives logits for the student's images; None where a batch carries the teacher's logits.
    """

    voices: tuple[Callable[[Any], Any] | None, ...]

    def __call__(self, images: Any, cached: Sequence[Any]) -> list[Any]:
        """Return each teacher's logits, [N, classes]."""
        rest = iter(cached)
        return [next(rest) if voice is None else voice(images) for voice in self.voices]


def check_teaching(teachers: Sequence[TorchModel | TeacherLogits], contract: InputContract, dataset: Dataset) -> None:
    """Raise UserError unless the teachers know the dataset's classes, and can be asked about the student's images.

    Args:
        teachers: in their order.
        contract: the student's.
        dataset: to distil on.
    """
    for number, teacher in enumerate(teachers, 1):
        who, own = "the teacher" if len(teachers) == 1 else f"teacher {number}", teacher.contract
        if tuple(dataset.classes) != own.classes:
            raise UserError(
                f"{who}'s classes are not those of the dataset {dataset.name!r}: "
                f"{_some(own.classes)} and {_some(tuple(dataset.classes))}",
                hint="distil on the dataset that the teacher was trained on",
            )
        if (own.channels, own.color) != (contract.channels, contract.color):
            raise UserError(
                f"{who} sees {own.color} images of {own.channels} channels, the first one {contract.color} images of "
                f"{contract.channels}",
                hint="several teachers must take images of one colour mode",
            )
        if isinstance(teacher, TeacherLogits):
            _check_view(who, own, contract)


def _check_view(who: str, own: InputContract, student: InputContract) -> None:
    """Raise UserError unless cached answers are about the part of the image that the student sees."""
    if own.crop_fraction != student.crop_fraction:
        seen = f"a crop of {own.crop_fraction:g} of the image, and the student one of {student.crop_fraction:g}"
    elif own.size[0] * student.size[1] != own.size[1] * student.size[0]:
        seen = f"{own.size[0]}x{own.size[1]} pixels, and the student {student.size[0]}x{student.size[1]}"
    else:
        return
    raise UserError(
        f"{who}'s cached answers are about another part of the images: it saw {seen}",
        hint="connect the torch model itself as `teacher`: it then sees what the student sees",
    )


def with_cached(data: TrainingData, teachers: Sequence[TorchModel | TeacherLogits], dataset: Dataset) -> TrainingData:
    """Return data whose batches carry the cached teachers' logits, and whose images are checked as they are read.

    Raises:
        UserError: the logits are not for the dataset's train split.
    """
    import numpy as np

    cached = [teacher.read() for teacher in teachers if isinstance(teacher, TeacherLogits)]
    if not cached:
        return data
    for answers in cached:
        if not np.array_equal(answers.labels, data.train.labels):
            raise UserError(
                f"the cached answers are for {len(answers.labels)} images with other labels than the {len(data.train)} "
                f"of the train split of {dataset.name!r}",
                hint="give `teacher-logits` and `distill` the same `data`",
            )
        if not np.array_equal(answers.images, cached[0].images):
            raise UserError(
                "the cached answers of the teachers are for different images", hint="give each the same `data`"
            )
    split = Watched(data.train.split, cached[0].images, data.contract.color, dataset.name)
    return replace(data, train=replace(data.train, split=split), beside=tuple(one.logits for one in cached))


def seen_by(network: Callable[[Any], Any], own: InputContract, given: InputContract) -> Callable[[Any], Any]:
    """Return a network as a function of another's images: float32 [N, C, H, W], normalised for the other.

    Args:
        network: gives logits.
        own: the network's contract.
        given: the contract of the images that will be given.
    """
    same = (own.mean, own.std) == (given.mean, given.std)
    if same and own.size == given.size:
        return network

    def adapted(images: Any) -> Any:
        import torch
        from torch.nn import functional

        if not same:
            mean, std, new_mean, new_std = (
                torch.tensor(values, device=images.device)[:, None, None]
                for values in (given.mean, given.std, own.mean, own.std)
            )
            images = (images * std + (mean - new_mean)) / new_std
        if own.size != given.size:
            images = functional.interpolate(images, size=own.size, mode="bilinear", antialias=True)
        return network(images)

    return adapted


def _some(classes: tuple[str, ...]) -> str:
    listed = ", ".join(classes[:5])
    return f"{len(classes)} ({listed}, ...)" if len(classes) > 5 else f"{len(classes)} ({listed})"
