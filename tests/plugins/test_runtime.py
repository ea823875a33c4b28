"""The contract of runtimes: what is optional in it."""

import numpy as np
import pytest

from edgesmith import Runtime


class Plain(Runtime):
    name = "plain"


class Open(Runtime):
    def tap(self, batch, see):
        pass


def test_a_runtime_that_shows_intermediate_results_is_known_by_its_tap():
    assert Open.can_tap()
    assert not Plain.can_tap()


def test_one_that_does_not_says_so():
    with pytest.raises(NotImplementedError, match="plain doesn't show intermediate results"):
        Plain().tap(np.zeros(1), print)
