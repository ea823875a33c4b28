"""What models get wrong, as sections of a report: confusion matrices, and the images that a reference gets right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith.sections import MOST_PICTURES, Input, Matrix, Picture, Pictures, Table

if TYPE_CHECKING:
    from edgesmith_stages.answers import Answers
    from edgesmith_stages.images import Images

PORT = "models"
MATRIX_CLASSES = 20
"""Classes up to which a confusion matrix can be read; with more, the most frequent confusions are listed."""

PAIRS = 20
PICTURES_EACH = 24
PICTURE_SIDE = 64


def sections(folder: Path, answers: Mapping[int, Answers], images: Images, expected: Answers | None) -> list[Any]:
    """Write pictures to a report's folder, and return its sections as JSON.

    Args:
        folder: of the report.
        answers: by index of the input.
        images: what was answered.
        expected: the reference's answers, if there is one.
    """
    import numpy as np

    labelled = bool(images.classes) and images.count > 0 and int(np.min(images.labels)) >= 0
    found: list[Matrix | Table | Pictures] = []
    if labelled:
        found += [confusion(Input(port=PORT, index=i), images, answers[i]) for i in sorted(answers)]
    if expected is not None:
        found.append(_sheet(folder, answers, images, expected, labelled))
    return [one.document() for one in found]


def confusion(of: Input, images: Images, answers: Answers) -> Matrix | Table:
    """Count the answers to each label; of more than `MATRIX_CLASSES` classes, the most frequent confusions."""
    import numpy as np

    names = [short(name) for name in images.classes]
    if len(names) > MATRIX_CLASSES:
        wrong = answers.labels != images.labels
        pairs, counts = np.unique(np.stack([images.labels, answers.outputs])[:, wrong], axis=1, return_counts=True)
        order = np.lexsort((pairs[1], pairs[0], -counts))[:PAIRS]
        rows = tuple((names[pairs[0, i]], name_of(pairs[1, i], answers.names), int(counts[i])) for i in order)
        return Table(title="confusions", of=of, columns=("label", "answer", "images"), rows=rows)
    other = int(answers.labels.min(initial=0)) < 0
    columns = [*names, "other"] if other else names
    cells = np.zeros((len(names), len(columns)), np.int64)
    np.add.at(cells, (images.labels, answers.labels), 1)  # -1, no class of the dataset's, is the last column
    return Matrix(
        title="confusion", of=of, rows=tuple(names), columns=tuple(columns), cells=tuple(map(tuple, cells.tolist()))
    )


def _sheet(folder: Path, answers: Mapping[int, Answers], images: Images, expected: Answers, labelled: bool) -> Pictures:
    """The first images that each model answers otherwise than the reference, which is right where there are labels."""
    import numpy as np

    each = min(PICTURES_EACH, MOST_PICTURES // max(len(answers), 1))
    pictures: list[Picture] = []
    for index in sorted(answers):
        own = answers[index]
        lost = own.outputs != expected.outputs
        if labelled:
            lost = (expected.labels == images.labels) & (own.labels != images.labels)
        for image in np.flatnonzero(lost)[:each].tolist():
            file = f"pictures/{image}.png"
            _save(folder / file, images, image)
            right = f"it is {short(images.classes[images.labels[image]])}" if labelled else "no label"
            said = f"answers {name_of(own.outputs[image], own.names)}"
            said += f", reference {name_of(expected.outputs[image], expected.names)}"
            of = Input(port=PORT, index=index)
            pictures.append(Picture(file=file, caption=f"image {image}: {right}; {said}", of=of))
    title = f"images that the reference {'gets right and a model does not' if labelled else 'answers otherwise'}"
    return Pictures(title=title, note=f"at most the first {each} of each model", pictures=tuple(pictures))


def _save(file: Path, images: Images, index: int) -> None:
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        images.thumbnail(index, PICTURE_SIDE).save(file, format="PNG", optimize=True)


def name_of(index: Any, names: Sequence[str]) -> str:
    """Return the name of a model's output, or its index where it has none."""
    return short(names[int(index)]) if int(index) < len(names) else f"#{int(index)}"


def short(name: str) -> str:
    """Cut a class's name to a length that a table's heading can hold."""
    return name if len(name) <= 40 else f"{name[:39]}…"
