"""A measurement has the machine to itself."""

import threading
import time

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
