"""A measurement has the machine to itself."""

import threading
import time

import pytest

from edgesmith_flows.lease import Gate
from edgesmith_flows.quiet import QuietLock


def run(lock, spans, name, alone, seconds=0.05):
    def work():
        with lock.hold(alone=alone):
            begun = time.monotonic()
            time.sleep(seconds)
            spans.append((name, begun, time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def await_that(true):
    until = time.monotonic() + 5
    while not true():
        assert time.monotonic() < until
        time.sleep(0.001)


def overlap(one, other):
    return one[1] < other[2] and other[1] < one[2]


def free(file):
    with Gate(file).hold(alone=True, wait=False) as got:
        return got


@pytest.fixture
def shared(tmp_path):
    """Two locks of one file, as two processes have them."""
    return QuietLock(tmp_path / "quiet"), QuietLock(tmp_path / "quiet")


def test_processes_that_do_not_measure_run_together(shared):
    spans = []
    for thread in [run(lock, spans, n, alone=False, seconds=0.2) for n, lock in enumerate(shared)]:
        thread.join()
    assert overlap(*spans)


def test_a_measurement_waits_for_other_processes_and_they_for_it(shared, tmp_path):
    spans = []
    threads = [run(shared[0], spans, "first", alone=False, seconds=0.2)]
    await_that(lambda: not free(tmp_path / "quiet"))
    threads.append(run(shared[1], spans, "measurement", alone=True))
    await_that(lambda: not free(tmp_path / "quiet-next"))
    threads.append(run(shared[0], spans, "last", alone=False))
    for thread in threads:
        thread.join()
    assert [name for name, _, _ in spans] == ["first", "measurement", "last"]


def test_nodes_that_do_not_measure_run_together():
    lock, spans = QuietLock(), []
    for thread in [run(lock, spans, n, alone=False, seconds=0.2) for n in range(3)]:
        thread.join()
    assert all(overlap(spans[0], span) for span in spans[1:])


def test_a_measurement_runs_alone():
    lock, spans = QuietLock(), []
    threads = [run(lock, spans, n, alone=n % 2 == 0, seconds=0.02) for n in range(6)]
    for thread in threads:
        thread.join()
    for one in spans:
        if one[0] % 2 == 0:
            assert not any(overlap(one, other) for other in spans if other is not one)


def test_what_comes_after_a_waiting_measurement_does_not_overtake_it():
    lock, spans = QuietLock(), []
    threads = [run(lock, spans, "first", alone=False, seconds=0.2)]
    await_that(lambda: lock._running)
    threads.append(run(lock, spans, "measurement", alone=True))
    await_that(lambda: lock._waiting)
    threads.append(run(lock, spans, "last", alone=False))
    for thread in threads:
        thread.join()
    assert [name for name, _, _ in spans] == ["first", "measurement", "last"]


def test_it_is_given_back_after_a_failure():
    lock = QuietLock()
    for alone in (True, False):
        try:
            with lock.hold(alone=alone):
                raise RuntimeError
        except RuntimeError:
            pass
    with lock.hold(alone=True):
        pass
