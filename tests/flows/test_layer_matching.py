"""Which layers of two models are the same: on a small network in two formats."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgesmith import Tap
from edgesmith_flows.layer_matching import chain, layers, match
from edgesmith_flows.likeness import Energy

DEPTH = 6
RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=(8, 8)).astype(np.float32) / 2 for _ in range(DEPTH)]
IMAGE = RNG.normal(size=(1, 8, 5, 7)).astype(np.float32)


def channels_first(spoil=None):
    """1 x 1 convolutions, each with a ReLU; `spoil(i, value)` may change what a convolution gives."""
    taps, value = [Tap("input", "input", IMAGE)], IMAGE
    for i, weight in enumerate(WEIGHTS):
        value = np.einsum("oc,nchw->nohw", weight, value)
        value = spoil(i, value) if spoil else value
        taps.append(Tap(f"block{i}.conv", "conv2d", value))
        value = np.maximum(value, 0)
        taps.append(Tap(f"block{i}.act", "relu", value))
    return taps


def channels_last(steps=0, spoil=None):
    """The same with fused ReLUs and names of another kind, perhaps rounded to `steps` steps."""
    value = IMAGE.transpose(0, 2, 3, 1)
    taps = [Tap("x", "input", value)]
    for i, weight in enumerate(WEIGHTS):
        value = np.maximum(value @ weight.T, 0)
        if steps:
            value = np.rint(value / value.max() * steps) / steps * value.max()
        value = spoil(i, value) if spoil else value
        taps.append(Tap(f"node_{i}", "CONV_2D", value.astype(np.float32)))
        taps.append(Tap(f"padded_{i}", "PAD", np.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0)))))
    return taps


def named(a, b):
    return {a[pair.a].name: b[pair.b].name for pair in match(a, b).pairs}


FUSED = {"input": "x"} | {f"block{i}.act": f"node_{i}" for i in range(DEPTH)}


@pytest.mark.parametrize("steps", [0, 255, 15])
def test_layers_are_found_by_what_they_give(steps):
    """Whatever their names and layout; a fused operation is the last one that went into it."""
    assert named(channels_first(), channels_last(steps)) == FUSED


def test_partners_values_lie_on_each_other():
    a, b = channels_first(), channels_last()
    for pair in match(a, b).pairs:
        energy = Energy()
        energy.add(*pair.order.laid(a[pair.a].value, b[pair.b].value))
        assert energy.sqnr_db > 100


def test_all_layers_are_told():
    """Partners or not."""
    found = match(channels_first(), channels_last())
    assert (len(found.pairs), len(found.a), len(found.b)) == (7, 13, 13)


def test_a_model_that_goes_astray_is_followed_by_its_operations():
    """From layer 3 on the values have nothing in common."""

    def noise(i, value):
        return np.random.default_rng(i).normal(size=value.shape) if i >= 3 else value

    a, b = channels_first(), channels_first(noise)
    assert named(a, b) == {tap.name: tap.name for tap in a}


def test_a_model_that_overflows_is_followed_by_its_operations():
    """Nothing is like what is no number."""
    b = channels_first(lambda i, value: value * np.float32(np.inf) if i >= 3 else value)
    assert named(channels_first(), b) == {tap.name: tap.name for tap in b}


def test_a_wrong_layer_in_the_middle_is_still_a_layer():
    """It is a branch that the sum behind it hardly hears."""
    a = channels_first()
    b = [Tap(tap.name, tap.op, -tap.value if tap.name == "block2.conv" else tap.value) for tap in a]
    assert named(a, b)["block2.conv"] == "block2.conv"


def test_what_only_looks_like_a_layer_is_none():
    """Its values are near those of another operation, and those behind it are equal again."""
    a = channels_first()
    b = [tap for tap in channels_last() if tap.op != "CONV_2D" or tap.name != "node_2"]
    near = a[6].value * (1 + 0.1 * np.random.default_rng(1).normal(size=IMAGE.shape).astype(np.float32))
    b.insert(5, Tap("lookalike", "MUL", near))
    found = named(a, b)
    assert "lookalike" not in found.values()
    assert "block2.act" not in found
    assert found["block3.act"] == "node_3"


def test_what_says_nothing_new_is_no_layer():
    """Copies, reshapes, transpositions."""
    value = IMAGE
    taps = [
        Tap("first", "conv", value),
        Tap("flat", "reshape", value.reshape(1, -1)),
        Tap("last", "transpose", value.transpose(0, 2, 3, 1)),
        Tap("again", "cast", value.astype(np.float64)),
        Tap("half", "cast", value.astype(np.float16)),
    ]
    assert [layer.name for layer in layers(taps)] == ["first", "half"]


def test_nothing_matches_nothing():
    assert match([], channels_first()).pairs == ()


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.sampled_from([0, 0, 1, 2, 5])))
def test_the_chain_is_the_best_there_is(scores):
    """Compared with all chains."""
    rows, columns = scores.shape
    found = chain(scores)
    assert all(scores[pair] > 0 for pair in found)
    assert all(i < k and j < m for (i, j), (k, m) in combinations(found, 2))
    every = (
        sum(scores[pair] for pair in zip(one, other, strict=True))
        for length in range(min(rows, columns) + 1)
        for one in combinations(range(rows), length)
        for other in combinations(range(columns), length)
    )
    assert sum(scores[pair] for pair in found) == max(every)
