"""Branches that only training needed."""

from __future__ import annotations

import numpy as np
import pytest

from edgesmith_stages.coreml_export.branches import unfused

from .networks import SIZE, branched, quiet

pytestmark = pytest.mark.slow  # timm takes seconds to load

EXAMPLE = np.zeros((1, 3, SIZE, SIZE), np.float32)


def test_operators_are_counted_with_and_without_branches() -> None:
    module = branched()
    before, after = unfused(module, EXAMPLE) or (0, 0)
    assert (before, after) == (10, 8)
    assert module.second.merged is None, "the module itself is left alone"


def test_a_network_without_branches_has_nothing_to_say() -> None:
    assert unfused(quiet(), EXAMPLE) is None


def test_nor_has_one_that_is_merged_already() -> None:
    module = branched()
    module.second.reparameterize()
    module.second.reparameterize = lambda: None  # as timm's blocks do, once merged
    assert unfused(module, EXAMPLE) is None
