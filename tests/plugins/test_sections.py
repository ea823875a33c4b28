"""Sections: what stages contribute to a report."""

import pytest
from pydantic import ValidationError

from edgesmith.sections import (
    MOST_POINTS,
    Curves,
    Input,
    Layers,
    Matrix,
    Picture,
    Pictures,
    Point,
    Points,
    Sample,
    Samples,
    Table,
)
from edgesmith.sections import read_sections as read

SECTIONS = [
    Curves(title="training", x="epoch", curves={"loss": (2.0, 1.0), "top-1": (0.5, 0.75)}),
    Samples(title="latency", unit="ms", samples=(Sample(of=Input(port="models", index=1), values=(1.5, 1.25)),)),
    Matrix(title="confusion", of="small", rows=("cat", "dog"), columns=("cat", "dog"), cells=((9, 1), (0, 10))),
    Table(title="pairs", columns=("label", "images"), rows=(("cat", 3), (None, 2.5))),
    Points(title="trials", x="ms", y="top1", points=(Point(name="3", x=0.5, y=0.9, note="chosen", marked=True),)),
    Layers(title="noise", unit="dB", layers=("stem", "head"), values={"SQNR": (40.0, None)}, bar=30),
    Pictures(title="lost", pictures=(Picture(file="pictures/7.png", caption="a cat"),)),
]


def test_what_a_stage_writes_is_what_is_read():
    assert read([section.document() for section in SECTIONS]) == (SECTIONS, [])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Curves(title="x", curves={"loss": (float("nan"),)}), "finite number"),
        (lambda: Curves(title="x", curves={"loss": (1.0,) * (MOST_POINTS + 1)}), "at most 4096"),
        (lambda: Curves(title="x", at=(1.0,), curves={"loss": (1.0, 2.0)}), "more values than `at`"),
        (lambda: Matrix(title="x", rows=("a",), columns=("b",), cells=((1, 2),)), "1 rows of 1 cells"),
        (lambda: Table(title="x", columns=("a", "b"), rows=((1,),)), "rows of 2 cells"),
        (lambda: Layers(title="x", layers=("a",), values={"s": ()}), "1 values in every series"),
    ],
)
def test_a_section_that_could_not_be_drawn_is_refused_where_it_is_made(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_of_a_list_with_a_bad_section_the_others_are_read():
    listed = [SECTIONS[0].document(), {"shape": "hologram"}, 3, {"shape": "table", "title": "x", "columns": ["a"]}]
    sections, problems = read(listed)
    assert sections == SECTIONS[:1]
    assert [problem.split(":")[0] for problem in problems] == ["section 1", "section 2", "section 3"]
    assert "rows: Field required" in problems[2]


@pytest.mark.parametrize("listed", [None, "curves", {"shape": "curves"}, 3])
def test_what_is_no_list_is_told(listed):
    assert read(listed) == ([], ["`sections` is no list"])
