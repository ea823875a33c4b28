"""The `pool` target names the work pool that makes the node."""

import pytest

from edgesmith import RuntimeUnavailable, TargetRef, UserError, WorkPool
from edgesmith.target import make_target
from edgesmith.testing import TargetContract
from edgesmith_stages.targets.pool import Pool


class TestPool(TargetContract):
    target = Pool
    params = {"pool": "ios-lab"}

    def model(self, folder):
        raise AssertionError("no model is run here")


def test_it_names_the_work_pool_and_the_target_there():
    inner = {"name": "coreml", "compute_units": "cpu-and-ne"}
    made = make_target(Pool, {"pool": "ios-lab", "target": inner, "patience": 5})
    assert made.work_pool() == WorkPool("ios-lab", TargetRef(**inner), 5)


def test_by_default_it_is_the_pool_that_deploy_makes_and_that_machine_s_host():
    assert make_target(Pool, {}).work_pool() == WorkPool("edgesmith", TargetRef(name="host"), 600)


def test_a_work_pool_behind_a_work_pool_is_refused():
    with pytest.raises(UserError, match="the target of 'pool' is 'pool' again"):
        make_target(Pool, {"target": "pool"}).check()


def test_nothing_is_told_or_run_here():
    with pytest.raises(UserError, match="the machine that answers"):
        Pool().identity()
    with pytest.raises(RuntimeUnavailable, match="the machine that answers"):
        Pool().open(None, None, 1)
