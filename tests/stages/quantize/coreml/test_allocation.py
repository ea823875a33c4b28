"""Bits by weight: least bytes for a given noise."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.quantize.coreml.allocation import Cost, Path, Table, total_bytes

TABLE: Table = {
    "quiet": {"narrow": Cost(10, 0.01), "wide": Cost(20, 0.001), "float": Cost(40, 0.0)},
    "loud": {"narrow": Cost(10, 1.0), "wide": Cost(20, 0.1), "float": Cost(40, 0.0)},
}


def noise(table: Table, forms: dict[str, str]) -> float:
    """Of a mixture."""
    return sum(table[name][form].noise for name, form in forms.items())


def test_what_hurts_most_for_its_bytes_is_widened_first() -> None:
    """From the smallest mixture to all in float."""
    path = Path.of(TABLE)
    assert path.at(0) == {"quiet": "narrow", "loud": "narrow"}
    assert path.steps == (("loud", "wide"), ("loud", "float"), ("quiet", "wide"), ("quiet", "float"))
    assert [path.bytes(count) for count in range(len(path) + 1)] == [20, 30, 50, 60, 80]


def test_a_form_that_is_larger_and_no_nearer_is_never_taken() -> None:
    """Nor one that another step leaps over."""
    costs = {"narrow": Cost(10, 1.0), "useless": Cost(15, 1.5), "slight": Cost(16, 0.9), "wide": Cost(20, 0.0)}
    path = Path.of({"weight": costs})
    assert path.steps == (("weight", "wide"),)


forms = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.builds(Cost, st.integers(1, 50), st.integers(0, 50).map(float)),
    min_size=1,
)


@given(st.dictionaries(st.sampled_from(["u", "v", "w"]), forms, min_size=1))
def test_no_mixture_is_better_in_both(table: Table) -> None:
    """Of all there are, none has fewer bytes than one on the path and no more noise; each step costs, and pays."""
    path = Path.of(table)
    found = [(path.bytes(count), noise(table, path.at(count))) for count in range(len(path) + 1)]
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in itertools.pairwise(found))
    for chosen in itertools.product(*table.values()):
        mixture = dict(zip(table, chosen, strict=True))
        size, loss = total_bytes(table, mixture), noise(table, mixture)
        assert not any(size < other and loss <= more for other, more in found)
