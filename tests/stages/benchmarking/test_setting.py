"""What is noted of a model that can't be measured."""

import pytest

from edgesmith import Cancelled, RuntimeUnavailable, StageFailed
from edgesmith.testing import LocalContext
from edgesmith_stages.benchmarking.setting import noted


@pytest.fixture
def ctx(tmp_path):
    return LocalContext(tmp_path)


def test_a_model_that_failed_may_work_the_next_time(ctx):
    row = {"status": "ok"}
    with noted(row, ctx):
        raise StageFailed("adb: the device went away\nlast words")
    assert row == {"status": "failed: adb: the device went away"}
    assert ctx.lost == ["failed: adb: the device went away"]


def test_a_model_that_nothing_here_runs_will_not(ctx):
    row = {"status": "ok"}
    with noted(row, ctx, "concurrency"):
        raise RuntimeUnavailable("the target measures one at a time")
    assert row == {"status": "ok", "concurrency": "not run: the target measures one at a time"}
    assert ctx.lost == []


def test_an_interruption_goes_on(ctx):
    with pytest.raises(Cancelled), noted({}, ctx):
        raise Cancelled("stop")
