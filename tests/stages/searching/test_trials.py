"""Points are drawn, tried, and held against each other."""

import pytest
from pydantic import TypeAdapter

from edgesmith_stages.searching.space import Space, axes_of
from edgesmith_stages.searching.trials import Search, Trial

GRID = {"x": [0, 1, 2, 3, 4], "y": [0, 1, 2, 3, 4]}


def bowl(number, params):
    """Two objectives that pull apart along x; y should be 2."""
    x, y = params["x"], params["y"]
    return Trial(number, params, (float(x), float((4 - x) ** 2 + (y - 2) ** 2)))


def search(sampler="tpe", space=GRID, greater=(False, False), seed=3):
    return Search(axes_of(TypeAdapter(Space).validate_python(space)), greater, sampler, seed)


def points(found):
    return [tuple(one.params.values()) for one in found.trials]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random", "all"])
class TestEverySampler:
    def test_a_repetition_asks_for_the_same_points(self, sampler):
        first, second = search(sampler), search(sampler)
        assert [points(one) for one in (first, second) if list(one.run(12, bowl))] == [points(first)] * 2

    def test_a_larger_budget_begins_with_the_same_points(self, sampler):
        small, large = search(sampler), search(sampler)
        assert list(small.run(6, bowl))
        assert list(large.run(14, bowl))
        assert points(large)[:6] == points(small)

    def test_no_point_is_tried_twice_and_a_small_space_ends_the_search(self, sampler):
        found = search(sampler, {"x": [0, 1], "y": [1, 2]})
        assert len(list(found.run(50, bowl))) == 4
        assert len(set(points(found))) == 4


def test_all_tries_every_combination():
    found = search("all")
    list(found.run(100, bowl))
    assert len(found.trials) == 25
    assert {one.params["y"] for one in found.front()} == {2}
    assert [one.params["x"] for one in sorted(found.front(), key=lambda one: one.params["x"])] == [0, 1, 2, 3, 4]


def test_tpe_comes_nearer_to_what_is_best_than_chance():
    """Of 30 points of a space of 1,681, over 10 seeds: the best that TPE finds, and the best that chance does."""
    space = {"x": {"low": 0, "high": 40}, "y": {"low": 0, "high": 40}}

    def best(sampler, seed):
        found = search(sampler, space, (False,), seed)
        far = lambda number, at: Trial(number, at, (float((at["x"] - 31) ** 2 + (at["y"] - 7) ** 2),))  # noqa: E731
        return min(one.values[0] for one in found.run(30, far))

    tpe, chance = (sorted(best(sampler, seed) for seed in range(10))[5] for sampler in ("tpe", "random"))
    assert tpe < chance


class TestChoice:
    def found(self, *trials, greater=(True, False)):
        it = search(greater=greater)
        it.trials.extend(trials)
        return it

    def trial(self, number, *values, **outcome):
        return Trial(number, {"x": number, "y": 0}, values, **outcome)

    def test_the_front_holds_what_no_other_beats(self):
        found = self.found(self.trial(1, 0.9, 5.0), self.trial(2, 0.8, 4.0), self.trial(3, 0.8, 5.0))
        assert [one.number for one in found.front()] == [1, 2]

    def test_equals_are_both_on_it_and_the_first_is_chosen(self):
        found = self.found(self.trial(1, 0.9, 5.0), self.trial(2, 0.9, 5.0))
        assert [one.number for one in found.front()] == [1, 2]
        assert found.best(0).number == 1

    def test_what_misses_a_constraint_or_failed_beats_nobody_and_is_not_chosen(self):
        found = self.found(
            self.trial(1, 0.99, 1.0, missed=("too big",)), self.trial(2, failed="no"), self.trial(3, 0.5, 9.0)
        )
        assert [one.number for one in found.front()] == [3]

    def test_the_objective_that_leads_decides_and_then_the_others(self):
        found = self.found(self.trial(1, 0.9, 5.0), self.trial(2, 0.8, 4.0), self.trial(3, 0.7, 4.0))
        assert found.best(0).number == 1
        assert found.best(1).number == 2

    def test_there_is_none_where_nothing_is_allowed(self):
        assert self.found(self.trial(1, failed="no")).best(0) is None
