"""What is kept for one run, and given up for the next."""

import threading

import pytest

from edgesmith_flows.kept import Kept


@pytest.fixture
def told():
    """What was made and given up, in order."""
    return []


@pytest.fixture
def kept(told):
    def make(order, until):
        until.callback(told.append, f"gave up {order}")
        if order == "wrong":
            raise ValueError(order)
        told.append(f"made {order}")
        return order.upper()

    return Kept(make)


def use(kept, order):
    with kept.using(order) as value:
        return value


def test_one_order_is_made_once(kept, told):
    assert [use(kept, "a"), use(kept, "a")] == ["A", "A"]
    assert told == ["made a"]


def test_the_next_order_takes_its_place(kept, told):
    use(kept, "a")
    assert use(kept, "b") == "B"
    assert told == ["made a", "made b", "gave up a"]


def test_what_is_in_use_stays_until_nobody_uses_it(kept, told):
    with kept.using("a"):
        with kept.using("a"), kept.using("b"):
            pass
        assert told == ["made a", "made b"]
    assert told == ["made a", "made b", "gave up a"]


def test_what_can_not_be_made_leaves_nothing_and_keeps_the_one_before(kept, told):
    use(kept, "a")
    with pytest.raises(ValueError, match="wrong"), kept.using("wrong"):
        pass
    assert use(kept, "a") == "A"
    assert told == ["made a", "gave up wrong"]


def test_at_the_end_all_is_given_up(kept, told):
    with kept.using("a"), kept.using("b"):
        kept.close()
    assert told == ["made a", "made b", "gave up a", "gave up b"]


def test_many_threads_share_one(kept, told):
    together = threading.Barrier(8)

    def work():
        together.wait()
        use(kept, "a")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["made a"]
