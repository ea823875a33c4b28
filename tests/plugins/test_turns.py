"""Models beside each other, in fresh processes."""

import math
import random
import sys
from functools import partial

import numpy as np
import pytest

from edgesmith import StageFailed, Timing
from edgesmith.process import Launch, ModelProcess, Sample
from edgesmith.testing import bridge_to, run_stage
from edgesmith.turns import Entrant, measure_round, middle, steal, undisturbed


@pytest.fixture
def entrant(playground, tmp_path):
    """A model as an entrant: loaded in its runtime's process, or lying on the shelf, whose tool sums up."""
    made = run_stage(playground.stages.Build, tmp_path / "sign").outputs["model"]
    runtime = playground.runtime.SignRuntime
    launch = Launch("sign-runner", f"{runtime.__module__}:SignRuntime", sys.executable, bridge_to(runtime))

    def entrant(place="desk"):
        target = {"desk": playground.target.Desk, "shelf": playground.target.Shelf}[place]()
        return Entrant(partial(target.open, None if target.own_runtime else launch, made, 1), made.golden()[0])

    return entrant


def test_each_model_is_held_against_the_first(entrant):
    first, second, third = measure_round([entrant(), entrant(), entrant()], random.Random(0))
    assert (first.clock, first.cpu) == (0, 0)
    assert first.ns > 0
    for other in (second, third):
        assert abs(other.clock) < math.log(4), "the same model, on the same processor, in turns"
        assert abs(other.memory) < 0.2


def test_what_a_devices_tool_sums_up_is_compared_too(entrant):
    made = measure_round([entrant("shelf"), entrant("shelf")], random.Random(0))
    assert [(one.clock, one.cpu, one.memory) for one in made] == [(0, None, None)] * 2


def test_a_round_ends_all_processes_when_one_fails(entrant, playground):
    def load():
        raise StageFailed("gone")

    opened = []

    def seen():
        opened.append(entrant().load())
        return opened[-1]

    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    for seed in range(3):
        with pytest.raises(StageFailed, match="gone"):
            measure_round([Entrant(load, pixels), Entrant(seen, pixels)], random.Random(seed))
    assert all(isinstance(one, ModelProcess) and one._process.poll() is not None for one in opened)


def test_runs_that_were_pushed_off_the_processor_dont_count():
    assert undisturbed([Sample(5, 5, 0), Sample(50, 5, 1), Sample(6, 5, 0)]) == [5, 6]
    assert undisturbed([Sample(50, 5, 1)]) == [50]


def test_the_middle_of_what_was_taken():
    assert middle([3, 1, 9]) == 3
    assert middle(Timing(5, 1.0, 4.0, 9.0, 0.0, {50: 3.0})) == 3
    assert middle(Timing(5, 1.0, 4.0, 9.0, 0.0)) == 4


def test_stolen_time_only_grows():
    before = steal()
    assert steal() >= before >= 0
