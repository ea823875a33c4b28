"""What is asked of a package."""

from __future__ import annotations

import numpy as np
import pytest

from edgesmith_stages.coreml_export.check import Bars, compare


def test_the_worst_image_is_found() -> None:
    wanted = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    found = compare(wanted, wanted + np.array([[0.0, 0.0], [0.1, 0.0]], np.float32))
    assert found.worst == 1
    assert found.parity.sqnr_db == pytest.approx(10 * np.log10(2 / 0.01), abs=0.01)


def test_a_tie_may_fall_either_way_but_a_clear_answer_may_not() -> None:
    wanted = np.array([[1.0, 0.999, 0.0], [1.0, 0.9, 0.0]], np.float32)
    turned = wanted[:, [1, 0, 2]]
    assert compare(wanted[:1], turned[:1]).agreement == 1
    assert compare(wanted[:1], turned[:1]).parity.agreement == 0
    assert compare(wanted, turned).agreement == 0


def test_both_bars_count() -> None:
    wanted = np.array([[1.0, 0.98, 0.0]], np.float32)
    found = compare(wanted, np.array([[0.98, 1.0, 0.0]], np.float32))
    assert found.parity.sqnr_db > 30
    assert Bars(30, 0).met(found)
    assert not Bars(30, 1).met(found)
    assert not Bars(40, 0).met(found)


def test_logits_that_are_no_numbers_meet_no_bar() -> None:
    wanted = np.array([[1.0, 0.0]], np.float32)
    assert not Bars(0, 0).met(compare(wanted, np.array([[np.nan, 0]], np.float32)))
