"""Stratified splits."""

from hypothesis import given
from hypothesis import strategies as st

from edgesmith_stages.datasets.stratify import stratify


@given(st.lists(st.integers(0, 4), max_size=60), st.floats(0.05, 0.95), st.integers(0, 99))
def test_every_example_is_on_one_side_and_every_class_on_both(labels, fraction, seed):
    train, val = stratify(labels, fraction, seed)
    assert sorted(train + val) == list(range(len(labels)))
    assert train == sorted(train)
    assert val == sorted(val)
    for label in set(labels):
        size, held_out = labels.count(label), sum(labels[i] == label for i in val)
        assert held_out == (0 if size == 1 else min(max(round(fraction * size), 1), size - 1))


def test_the_seed_decides():
    labels = [0, 1] * 20
    assert stratify(labels, 0.2, 1) == stratify(labels, 0.2, 1)
    assert stratify(labels, 0.2, 1) != stratify(labels, 0.2, 2)
