"""How the end of a flow run in a work pool is told; tests/pipelines/test_pool.py has a real server and worker."""

from uuid import uuid4

import pytest

from edgesmith import StageFailed, UserError

pytestmark = pytest.mark.slow
KEY = "ab" * 32


@pytest.fixture
def told():
    """What `PoolRuns` makes of a state."""
    from prefect.client.schemas.objects import FlowRun

    from edgesmith_flows.prefect_pool import PoolRuns

    class Log:
        def __init__(self, message):
            self.message = message

    class Client:
        def read_logs(self, wanted):
            return [Log("Traceback:\n  No module named 'edgesmith_flows'")]

    def key(state):
        run = FlowRun(id=uuid4(), flow_id=uuid4(), name="lab/bench", state=state)
        return PoolRuns("lab", 1)._key(Client(), run)

    return key


def test_a_completed_one_gives_the_key(told):
    from prefect.states import Completed

    assert told(Completed(name="Cached", message=f"bench: {KEY}")) == KEY
    with pytest.raises(StageFailed, match="told no key"):
        told(Completed(message="bench: ../../etc/passwd"))


def test_what_the_machine_refuses_is_the_user_s_to_mend_with_its_hint(told):
    from prefect.states import Failed

    from edgesmith_flows.prefect_pool import REFUSED

    error = UserError("there is no file 'x'", hint="copy it")
    with pytest.raises(UserError) as caught:
        told(Failed(name=REFUSED, message=str(error)))
    assert (caught.value.message, caught.value.hint) == ("in the work pool 'lab': there is no file 'x'", "copy it")


def test_a_node_that_fails_there_has_failed(told):
    from prefect.states import Failed

    from edgesmith_flows.prefect_pool import FAILED

    with pytest.raises(StageFailed, match="in the work pool 'lab': the board fell down"):
        told(Failed(name=FAILED, message="the board fell down"))


def test_one_that_was_cancelled_there_says_so(told):
    from prefect.states import Cancelled

    with pytest.raises(StageFailed, match="the flow run 'lab/bench' was cancelled"):
        told(Cancelled())


def test_a_worker_without_edgesmith_is_told_with_its_last_errors(told):
    from prefect.states import Crashed

    with pytest.raises(StageFailed) as caught:
        told(Crashed(message="Flow could not be retrieved"))
    assert "ended as Crashed: Flow could not be retrieved" in caught.value.message
    assert "No module named 'edgesmith_flows'" in caught.value.message
    assert "edgesmith must be installed where the worker runs" in str(caught.value.hint)
