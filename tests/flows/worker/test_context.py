"""What a stage in a worker may ask of its surroundings."""

import logging
import socket
import threading

import pytest

from edgesmith import Context, DatasetRef, RuntimeUnavailable, TargetRef, TfliteModel, UserError
from edgesmith.channel import Channel
from edgesmith_flows.worker.context import Line, WorkerContext, load_inputs


@pytest.fixture
def line():
    ours, theirs = map(Channel, socket.socketpair())
    yield ours, theirs
    ours.close(), theirs.close()


@pytest.fixture
def context(line, tmp_path):
    def context(**job):
        about = {"seed": 3, "scratch": str(tmp_path), "model_sources": {}, "outputs": {}, "datasets": {}, **job}
        return WorkerContext(about, Line(line[1]), logging.getLogger("test"), threading.Event())

    return context


def test_it_has_all_that_the_contract_promises(context):
    promised = {name for name in vars(Context) if not name.startswith("_")} | {
        "log",
        "seed",
        "scratch",
        "model_sources",
    }
    assert all(hasattr(context(), name) for name in promised)


def test_progress_is_told_at_most_ten_times_a_second_but_always_at_the_end(context, line):
    """A stage that tells every step of thousands must not drown the line."""
    ctx = context()
    for step in range(1, 1001):
        ctx.progress(step, 1000)
    line[1].close()
    told = []
    while (event := line[0].receive()) is not None:
        told.append(event["done"])
    assert told[-1] == 1000
    assert len(told) < 20


def test_what_is_lost_is_told(context, line):
    context().provisional("the phone was unplugged")
    assert line[0].receive() == {"event": "provisional", "why": "the phone was unplugged"}


def test_a_dataset_that_no_param_names_cannot_be_opened(context):
    with pytest.raises(UserError, match="unknown dataset 'wrods'; did you mean 'words'"):
        context(datasets={"words": "playground.datasets:Words"}).dataset(DatasetRef(name="wrods"))


def test_a_kind_that_nothing_runs_here_has_the_reason(context, tmp_path):
    ctx = context(
        launches={},
        no_runtime={"tflite": "litert: needs Linux"},
        targets={"host": "edgesmith_stages.targets.host:Host"},
    )
    with pytest.raises(RuntimeUnavailable, match="litert: needs Linux"):
        ctx.open(TfliteModel(tmp_path))


def test_an_unknown_target_is_told_with_the_nearest_one(context, tmp_path):
    ctx = context(launches={"tflite": {}}, no_runtime={}, targets={"host": "x:Host"})
    with pytest.raises(UserError, match="unknown target 'hsot'; did you mean 'host'"):
        ctx.open(TfliteModel(tmp_path), target="hsot")


def test_a_target_with_a_runtime_of_its_own_needs_none_of_this_machine(context, tmp_path):
    ctx = context(launches={}, no_runtime={"tflite": "no"}, targets={"shelf": "playground.target:Shelf"})
    with ctx.open(TfliteModel(tmp_path), threads=2, target=TargetRef(name="shelf", row=3)) as session:
        assert session.facts == {"row": 3, "threads": 2}


def test_inputs_become_artifacts_lists_of_them_or_none(tmp_path):
    one = {"kind": "edgesmith.artifacts:TfliteModel", "path": str(tmp_path), "digest": "d"}
    loaded = load_inputs({"model": one, "models": [one, one], "reference": None})
    assert loaded["model"] == TfliteModel(tmp_path, "d")
    assert loaded["models"] == [TfliteModel(tmp_path, "d")] * 2
    assert loaded["reference"] is None
