"""The search for a mixture, on weights whose costs are known."""

from __future__ import annotations

import pytest

from edgesmith_stages.quantize.coreml.allocation import Cost
from edgesmith_stages.quantize.coreml.mixing import Forms, Mixing
from edgesmith_stages.quantize.search import HURTS

NOISE = {"stem": 0.05, "body": 0.001, "head": 0.0004}
WIDTHS = {"narrow": (10, 1.0), "wide": (20, 0.1), "float": (40, 0.0)}
TABLE = {
    name: {form: Cost(size, share * noise) for form, (size, share) in WIDTHS.items()} for name, noise in NOISE.items()
}


def search(max_drop: float) -> Mixing:
    """A search in which a mixture loses what its noises add up to."""
    scored: list[Forms] = []

    def drop(forms: Forms) -> tuple[float, int]:
        assert forms not in scored, "scored twice"
        scored.append(forms)
        return lost(forms), 1000

    made = Mixing(TABLE, lambda forms: -lost(forms), drop, max_drop)
    for form in ("narrow", "wide"):
        made.add(form, dict.fromkeys(TABLE, form))
    return made


def lost(forms: Forms) -> float:
    """What a mixture loses."""
    return sum(TABLE[name][form].noise for name, form in forms.items())


@pytest.mark.parametrize(
    ("max_drop", "expected"),
    [
        (1.0, {"stem": "narrow", "body": "narrow", "head": "narrow"}),
        (0.01, {"stem": "wide", "body": "narrow", "head": "narrow"}),
        (0.003, {"stem": "float", "body": "narrow", "head": "narrow"}),
        (0.001, {"stem": "float", "body": "wide", "head": "narrow"}),
    ],
)
def test_the_smallest_that_holds(max_drop: float, expected: Forms) -> None:
    """No wider than it must be, and where it must be."""
    tried = search(max_drop)
    tried.smallest()
    assert tried.ordered("bytes")[0].forms == expected


def test_nothing_holds() -> None:
    """With no drop allowed all weights would have to be float, and that is no candidate."""
    tried = search(0.0)
    tried.smallest()
    assert tried.ordered("bytes") == []


def test_the_most_exact_that_fits() -> None:
    """With `prefer: drop` all room that there is for weights is used."""
    tried = search(1.0)
    tried.most_exact(weight_bytes=75)
    assert tried.ordered("drop")[0].forms == {"stem": "float", "body": "wide", "head": "narrow"}
    tried = search(1.0)
    tried.most_exact(weight_bytes=None)
    assert tried.ordered("drop")[0].label == "wide"


def test_a_mixture_as_an_assignment() -> None:
    """One form is a scheme; else each operation has its own, and float ones their reason."""
    tried = search(0.001)
    tried.smallest()
    mixed = tried.ordered("bytes")[0].assignment()
    assert (mixed.scheme, mixed.keep, mixed.forms) == ("mixed", {"stem": HURTS}, {"body": "wide", "head": "narrow"})
    whole = tried.tried[0].assignment()
    assert (whole.scheme, whole.keep, whole.forms) == ("narrow", {}, {})
