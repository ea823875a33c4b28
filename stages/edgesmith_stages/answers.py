"""What a model's outputs mean on a dataset: classes are matched by their names, since their order may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgesmith import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract
    from edgesmith_stages.images import Images

    Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """A model's top-1 answers.

    Attributes:
        outputs: indices of the model's outputs, int64 [N].
        labels: the same as the dataset's labels, int64 [N]; -1 where the dataset has no such class.
        names: of the outputs, in order, as far as they are known.
    """

    outputs: Indices
    labels: Indices
    names: tuple[str, ...]


def answers_of(outputs: NDArray[np.float32], contract: InputContract, images: Images) -> Answers:
    """Tell what outputs, float32 [N, classes], answer."""
    import numpy as np

    top, classes = outputs.argmax(1), images.classes
    if _same(contract.classes, classes):
        return Answers(top, np.where(top < len(classes), top, -1), classes or contract.classes)
    of_name = {name: label for label, name in enumerate(classes)}
    labels = [of_name.get(name, -1) for name in contract.classes]
    labels += [-1] * (outputs.shape[1] - len(labels))
    return Answers(top, np.asarray(labels, np.int64)[top], contract.classes)


def right_outputs(images: Images, contract: InputContract) -> Indices:
    """Return the model's output that is right for each image, int64 [N]; -1 where an image has no label.

    Raises:
        UserError: the model has not each of the dataset's classes, or more than one of that name.
    """
    import numpy as np

    labels = images.labels
    if _same(contract.classes, images.classes) or labels.min(initial=0) < 0:
        return labels
    right: Indices = np.asarray(places(contract.classes, images.classes), np.int64)[labels]
    return right


def places(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Return the place of each class among a model's names.

    Raises:
        UserError: a class is not among them, or twice.
    """
    missing = [one for one in classes if one not in names]
    if missing:
        raise UserError(
            f"the model lacks the dataset's class{'es' if len(missing) > 1 else ''} {_some(missing)}; "
            f"it has {_some(names)}",
            hint="take the dataset that the model was trained on, or name the classes alike: they are matched by name",
        )
    twice = [one for one in classes if names.count(one) > 1]
    if twice:
        raise UserError(
            f"the model has several classes named {_some(twice)}: which of them the dataset means can't be told",
            hint="take the dataset that the model was trained on",
        )
    return [names.index(one) for one in classes]


def _same(names: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether outputs and labels are in one order, which is assumed where one side has no names."""
    return not names or not classes or tuple(names) == tuple(classes)


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:5])} and {len(names) - 5} more" if len(names) > 5 else ", ".join(names)
