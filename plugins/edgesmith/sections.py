"""Sections: what a stage contributes to `edgesmith report`, by generic shape.

A stage lists sections under `sections`, in the figures that it returns (small ones: curves) or in the `report.json` of
a `Report` that it writes, whose files they may name::

    return {"top1": 0.98, "sections": [Curves(title="training", x="epoch", curves={"loss": [2.1, 0.9]}).document()]}

The page that shows them knows nothing of the stage. Sections are JSON, bounded in size, and hold finite numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError, model_validator

MOST_POINTS = 4096
"""Values that one curve, one list of samples or one list of layers may have."""

MOST_ROWS = 500
"""Rows of a table, and points of a plot."""

LONGEST_TEXT = 400
"""Characters of any text."""

MOST_CLASSES = 40
"""Rows and columns that a matrix may have."""

MOST_PICTURES = 256
"""Pictures that one section may have."""

Values = Annotated[tuple[FiniteFloat, ...], Field(max_length=MOST_POINTS)]
Gaps = Annotated[tuple[FiniteFloat | None, ...], Field(max_length=MOST_POINTS)]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Input(_Shape):
    """One of the stage's inputs: `Input(port="models", index=2)` is shown as the name of the node connected there.

    Stages don't know the names of nodes, which are no part of a key.
    """

    port: Text
    index: int = Field(default=0, ge=0)


Subject = Input | Text
"""What a list of values is of: an input, or any name."""


class _Section(_Shape):
    title: Text
    note: Text = ""

    def document(self) -> dict[str, Any]:
        """Return the section as JSON, fit to be listed under `sections`."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"shape": getattr(self, "shape", "")}


class Curves(_Section):
    """Quantities that change over steps: loss and top-1 by epoch.

    Attributes:
        x: what the steps are.
        at: where they lie; 1, 2, 3, ... by default.
        of: what the curves are of, where it is not the node.
        curves: by name, one value a step; curves of one name are drawn together for all nodes of a run.
    """

    shape: Literal["curves"] = "curves"
    of: Subject | None = None
    x: Text = "step"
    at: Values | None = None
    curves: Mapping[Text, Values] = Field(max_length=32)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.at is not None and any(len(values) > len(self.at) for values in self.curves.values()):
            raise ValueError("a curve has more values than `at`")
        return self


class Sample(_Shape):
    """Repeated measurements of one thing, in the order taken."""

    of: Subject
    values: Values


class Samples(_Section):
    """Distributions to hold against each other: latencies of several models, in `unit`."""

    shape: Literal["samples"] = "samples"
    unit: Text = ""
    samples: Annotated[tuple[Sample, ...], Field(max_length=256)]


class Matrix(_Section):
    """Counts by row and column: a confusion matrix, `rows` the labels and `columns` the answers.

    Attributes:
        cells: by row, one count a column.
    """

    shape: Literal["matrix"] = "matrix"
    of: Subject | None = None
    rows: Annotated[tuple[Text, ...], Field(max_length=MOST_CLASSES)]
    columns: Annotated[tuple[Text, ...], Field(max_length=MOST_CLASSES)]
    row_axis: Text = "label"
    column_axis: Text = "answer"
    cells: tuple[tuple[int, ...], ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.cells) != len(self.rows) or any(len(row) != len(self.columns) for row in self.cells):
            raise ValueError(f"expected {len(self.rows)} rows of {len(self.columns)} cells")
        return self


class Table(_Section):
    """Anything else: rows of texts and numbers."""

    shape: Literal["table"] = "table"
    of: Subject | None = None
    columns: Annotated[tuple[Text, ...], Field(max_length=20)]
    rows: Annotated[tuple[tuple[FiniteFloat | int | Text | None, ...], ...], Field(max_length=MOST_ROWS)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"expected rows of {len(self.columns)} cells")
        return self


class Point(_Shape):
    """One point of a plot; a marked one is drawn full, and with its name."""

    name: Text
    x: FiniteFloat
    y: FiniteFloat
    note: Text = ""
    marked: bool = False


class Points(_Section):
    """What was tried, by two of its quantities: the trials of a search, with its front marked."""

    shape: Literal["points"] = "points"
    of: Subject | None = None
    x: Text
    y: Text
    points: Annotated[tuple[Point, ...], Field(max_length=MOST_ROWS)]


class Layers(_Section):
    """A figure per layer, in the order of the network: SQNR, sensitivity, share of the noise.

    Attributes:
        unit: of all values.
        layers: their names.
        values: by name of a series, one value a layer, or None.
        bar: a value that layers should reach, drawn as a line.
    """

    shape: Literal["layers"] = "layers"
    unit: Text = ""
    layers: Annotated[tuple[Text, ...], Field(max_length=MOST_POINTS)]
    values: Mapping[Text, Gaps] = Field(max_length=8)
    bar: FiniteFloat | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(len(values) != len(self.layers) for values in self.values.values()):
            raise ValueError(f"expected {len(self.layers)} values in every series")
        return self


class Picture(_Shape):
    """A small picture, a file of the report's folder, with what to say of it."""

    file: Text
    caption: Text
    of: Subject | None = None


class Pictures(_Section):
    """A sheet of small pictures, PNG or JPEG; those of one subject stand together."""

    shape: Literal["pictures"] = "pictures"
    pictures: Annotated[tuple[Picture, ...], Field(max_length=MOST_PICTURES)]


Section = Curves | Samples | Matrix | Table | Points | Layers | Pictures


def read_sections(listed: Any) -> tuple[list[Section], list[str]]:
    """Read what a stage listed under `sections`; return the sections, and what is wrong with each of the others."""
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return [], ["`sections` is no list"]
    adapter: TypeAdapter[Section] = TypeAdapter(Annotated[Section, Field(discriminator="shape")])
    found: list[Section] = []
    problems: list[str] = []
    for index, one in enumerate(listed):
        try:
            found.append(adapter.validate_python(one))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            problems.append(f"section {index}: {place + ': ' if place else ''}{first['msg']}")
    return found, problems
