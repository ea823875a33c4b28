"""The search for what to quantise, on files whose costs are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from edgesmith import StageFailed
from edgesmith_stages.quantize.assignment import Assignment
from edgesmith_stages.quantize.budget import Budget, Prefer, Trial
from edgesmith_stages.quantize.graph import Operation, blocks
from edgesmith_stages.quantize.search import HURTS, SLOWER, Search

OPERATIONS = [
    Operation("conv1", "Conv", ("image",), ("conv1",), constants=True, weights=True),
    Operation("conv2", "Conv", ("conv1",), ("conv2",), constants=True, weights=True),
    Operation("norm", "Norm", ("conv2",), ("norm",)),
    Operation("softmax", "Softmax", ("norm",), ("softmax",)),
    Operation("gemm", "Gemm", ("softmax",), ("gemm",), constants=True, weights=True),
]
FLOAT = {"conv1": 4.0, "conv2": 4.0, "norm": 1.0, "softmax": 1.0, "gemm": 2.0}
INT8 = {"conv1": 2.0, "conv2": 2.0, "norm": 0.5, "softmax": 4.0, "gemm": 1.0}
DROP = {"conv1": 0.02, "conv2": 0.0, "norm": 0.0, "softmax": 0.0, "gemm": 0.001}


def search(budget: Budget, integers: Mapping[str, float] = INT8, prefer: Prefer = "latency") -> Search:
    """A search over a file in which each operation has a time in float, a time in int8, and a drop in int8."""

    def measure(label: str, assignment: Assignment) -> Trial:
        time = sum(FLOAT[n] if n in assignment.keep else integers[n] for n in FLOAT)
        size = sum(4 if n in assignment.keep else 1 for n in FLOAT)
        return Trial(label, assignment, bytes=size, ms=time, float_ms=sum(FLOAT.values()), sqnr_db=30)

    def score(trial: Trial) -> Trial:
        drop = sum(cost for name, cost in DROP.items() if name not in trial.assignment.keep)
        return replace(trial, drop=drop, images=1000)

    found = Search("onnx", OPERATIONS, measure, score, budget, prefer)
    found.starts(("int8",), slow=())
    return found


def test_what_is_slower_in_integers_stays_in_float() -> None:
    """Found by trying each role; the rest is quantised."""
    tried = search(Budget(max_drop=0.1))
    tried.toggle(16)
    chosen = tried.choose()
    assert chosen is not None
    assert chosen.assignment.keep == {"softmax": SLOWER}
    assert chosen.ms == 6.5
    assert chosen.label == "int8 of operations with weights, and Norm"


def test_dynamic_quantisation_may_lack_a_kernel() -> None:
    """Each role with weights is left out once."""
    tried = search(Budget(max_drop=1))
    tried.starts(("dynamic-int8",), slow=())
    assert [sorted(trial.assignment.keep) for trial in tried.trials if trial.assignment.scheme == "dynamic-int8"] == [
        [],
        ["conv1", "conv2"],
        ["gemm"],
    ]


def test_what_cannot_be_made_is_no_candidate() -> None:
    """The others go on; the report says why."""
    tried = search(Budget(max_drop=1))
    measure = tried.measure

    def fail(label: str, assignment: Assignment) -> Trial:
        if assignment.scheme == "fp16":
            raise StageFailed("the half-precision file breaks")
        return measure(label, assignment)

    tried.measure = fail
    tried.starts(("fp16", "dynamic-int8"), slow=())
    assert tried.failed == {"fp16": "the half-precision file breaks"}
    assert "dynamic-int8" in {trial.label for trial in tried.trials}


def test_what_hurts_stays_in_float_where_accuracy_asks_for_it() -> None:
    """The blocks that hurt most, until the budget holds; each operation has its reason."""
    tried = search(Budget(max_drop=0.003))
    tried.toggle(16)
    assert tried.spoilt()
    before = tried.choose()
    assert before is not None and before.ms == 11.0  # both convolutions in float
    mended = tried.mend(blocks(OPERATIONS, 99), ["conv1", "gemm", "conv2"])
    assert mended is not None
    assert mended == tried.choose()
    assert mended.assignment.keep == {"softmax": SLOWER, "conv1": HURTS}
    assert mended.drop == pytest.approx(0.001)
    assert mended.ms == 8.5


def test_nothing_slower_than_float_is_chosen() -> None:
    """However small and however right."""
    tried = search(Budget(max_drop=1), {name: 2 * time for name, time in FLOAT.items()}, "bytes")
    tried.toggle(16)
    assert not tried.spoilt()
    assert tried.choose() is None
    assert tried.mend(blocks(OPERATIONS, 99), ["conv1"]) is None


def test_no_candidate_is_measured_twice() -> None:
    """And no candidate leaves everything in float."""
    tried = search(Budget(max_drop=1))
    tried.toggle(16)
    kept = [frozenset(trial.assignment.keep) for trial in tried.trials]
    assert len(set(kept)) == len(kept)
    assert all(len(one) < len(OPERATIONS) for one in kept)


def test_the_most_accurate_is_found_among_all() -> None:
    """With `prefer: drop` every candidate that is faster than float is scored."""
    tried = search(Budget(max_drop=1), prefer="drop")
    tried.toggle(16)
    chosen = tried.choose()
    assert chosen is not None
    assert "conv1" in chosen.assignment.keep
    assert all(trial.drop is not None for trial in tried.trials if trial.ratio < 1)


def test_a_choice_that_is_not_confirmed_is_not_chosen_again() -> None:
    """It stays among the candidates, with what it turned out to cost."""
    tried = search(Budget(max_drop=1))
    first = tried.choose()
    assert first is not None
    corrected = tried.corrected(first, 1.2)
    second = tried.choose()
    assert corrected in tried.trials
    assert second is not None
    assert second != corrected


def test_a_role_that_cannot_be_made_costs_none_of_the_others() -> None:
    """Neither while roles are tried nor while blocks are left out."""
    tried = search(Budget(max_drop=0.1))
    made = tried.measure

    def fails(label: str, assignment: Assignment) -> Trial:
        if "Norm" in label:
            raise StageFailed("no kernel for Norm")
        return made(label, assignment)

    tried.measure = fails
    tried.toggle(16)
    chosen = tried.choose()
    assert chosen is not None
    assert any("Norm" in label for label in tried.failed)
