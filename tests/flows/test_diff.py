"""Two models, layer by layer."""

import numpy as np
import pytest

from edgesmith import InputContract, OnnxModel, RuntimeUnavailable, Tap, UserError, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import run_stage
from edgesmith_flows.diff import (
    Diff,
    Layer,
    Row,
    Walk,
    comparable,
    compare,
    shared_batch,
    shared_images,
    tapping_runtime,
)
from edgesmith_flows.registry import Registry


@pytest.fixture
def sign(registry, tmp_path):
    """Make a model that multiplies the mean brightness by a factor."""

    def make(factor):
        return run_stage(registry.stages["build"], tmp_path / str(factor), params={"factor": factor}).outputs["model"]

    return make


def model(folder, **contract):
    """A model's golden pair and contract."""
    folder.mkdir()
    InputContract(size=(2, 2), **contract).write(folder / CONTRACT_FILE)
    write_golden(folder, np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2), np.float32))
    return OnnxModel(folder)


def test_two_models_are_run_side_by_side(sign, registry, toolchains):
    """Up to the factor they are one."""
    found = compare(sign(2.0), sign(2.2), registry, toolchains=toolchains)
    assert [(row.a.name, row.b.name) for row in found.matched] == [
        ("input", "input"),
        ("value", "value"),
        ("value#2", "value#2"),
    ]
    assert [round(row.sqnr_db) for row in found.matched] == [200, 200, 20]
    assert found.sqnr_db == pytest.approx(20)
    assert (found.images, found.agreement, found.runtimes) == (2, 1.0, ("sign-runner", "sign-runner"))
    assert not found.same_source
    assert found.parts_at(30) == found.steepest(30) == 2
    assert found.parts_at(10) is found.steepest(10) is None


def test_a_model_is_no_other_than_itself(sign, registry, toolchains):
    found = compare(sign(2.0), sign(2.0), registry, toolchains=toolchains, images=1)
    assert (found.sqnr_db, found.images, found.same_source) == (200, 1, True)


def rows(*values):
    layer = Layer("x", "add", (1, 2))
    return Diff([Row(layer, layer, value) for value in values], 1, 0, 1, ("a", "b"))


def test_where_models_part_and_where_most_is_lost():
    """The first layer under the bar; and the one that is furthest below all before it, wherever branches recover."""
    assert rows(60, 41, 12, 35, 11).parts_at(30) == 2
    assert rows(60, 29, 40, 29, 10).parts_at(30) == 1
    assert rows(60, 29, 40, 29, 10).steepest(30) == 4
    assert rows(200, 60, 31).steepest(30) is None


def test_layers_without_a_partner_stand_where_they_are_computed():
    """Those of the reference before those of the other."""
    rng = np.random.default_rng(0)
    image, first, last = (rng.normal(size=(1, size)).astype(np.float32) for size in (5, 6, 7))
    a = [Tap("x", "input", image), Tap("pad", "Pad", image[:, :3]), Tap("one", "Conv", first), Tap("two", "Add", last)]
    b = [
        Tap("y", "input", image),
        Tap("mul", "Mul", last[:, :2]),
        Tap("three", "Add", last),
        Tap("end", "Abs", last[:, :1]),
    ]
    walk = Walk()
    walk.add(a, b)
    walk.add(a, b)
    names = [(row.a and row.a.name, row.b and row.b.name) for row in walk.rows()]
    assert names == [("x", "y"), ("pad", None), ("one", None), (None, "mul"), ("two", "three"), (None, "end")]
    with pytest.raises(UserError, match="other operations for another image"):
        walk.add(a[:2], b)


def test_models_of_other_ancestors_are_refused(tmp_path):
    one, other, larger = (model(tmp_path / name) for name in ("one", "other", "larger"))
    write_golden(other.path, np.ones((1, 2, 2, 3), np.uint8), np.zeros((1, 2), np.float32))
    write_golden(larger.path, np.ones((1, 4, 4, 3), np.uint8), np.zeros((1, 2), np.float32))
    with pytest.raises(UserError, match="no ancestor in common"):
        shared_images(one, other)
    with pytest.raises(UserError, match=r"\[1, 2, 2, 3\] and \[1, 4, 4, 3\]"):
        shared_images(one, larger)


def test_both_get_batches_of_one_size(tmp_path):
    free, single, pair = (model(tmp_path / str(batch), batch=batch) for batch in (None, 1, 2))
    assert (shared_batch(free, free), shared_batch(free, pair), shared_batch(pair, pair)) == (1, 2, 2)
    with pytest.raises(UserError, match="batches of 1 and of 2"):
        shared_batch(single, pair)


def test_outputs_are_compared_as_probabilities_where_one_file_gives_those(tmp_path):
    logits, soft = model(tmp_path / "logits"), model(tmp_path / "soft", output="probabilities")
    values = np.log(np.array([[1, 3]], np.float32))
    shares = np.array([[0.25, 0.75]], np.float32)
    for found in comparable(logits, values, soft, shares):
        np.testing.assert_allclose(found, shares, rtol=1e-6)
    np.testing.assert_array_equal(comparable(logits, values, logits, values)[0], values.astype(np.float64))
    with pytest.raises(UserError, match=r"\[1, 2\] and \[1, 1\]: other classes"):
        comparable(logits, values, soft, shares[:, :1])


def test_a_runtime_that_shows_nothing_is_not_taken(registry):
    """One that does goes before it; where there is none, all reasons are told."""
    sign = registry.kinds["sign"]
    shows = registry.runtimes["sign-runner"]
    silent = type("Silent", (shows,), {"name": "a-silent", "can_tap": classmethod(lambda _: False)})
    away = type("Away", (shows,), {"name": "b-away", "unavailable": classmethod(lambda _: "needs a Mac")})
    known = {"a-silent": silent, "b-away": away}
    assert tapping_runtime(sign, Registry(runtimes={**known, "sign-runner": shows})) is shows
    with pytest.raises(RuntimeUnavailable, match="a-silent: it shows no intermediate results; b-away: needs a Mac"):
        tapping_runtime(sign, Registry(runtimes=known))
    with pytest.raises(RuntimeUnavailable, match="no runtime for sign"):
        tapping_runtime(sign, Registry())
