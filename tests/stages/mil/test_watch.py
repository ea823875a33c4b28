"""Lost numbers are found where they are lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.interpret import Interpreter
from edgesmith_stages.mil.watch import Watch

from .packages import model, operation, write

HALF = TensorType("fp16", (4,))


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """z = (x * x) - (x * x), in halves, then passed on."""
    spec = model(
        {"x": HALF},
        ["w"],
        operation("mul", {"y": HALF}, x="%x", y="%x"),
        operation("sub", {"z": HALF}, x="%y", y="%y"),
        operation("relu", {"w": HALF}, x="%z"),
    )
    return write(tmp_path, spec)


def ran(package: Path, *values: float, watch: Any = True) -> Interpreter:
    made = Interpreter(package, watch=watch)
    for value in values:
        made.run({"x": np.array([value, 1, 2, 3])})
    return made


def test_overflow_and_nan_name_the_first_operation(squares: Path) -> None:
    """300 squared is no half: the multiplication is to blame, not the subtraction of infinities."""
    found = ran(squares, 300).watch
    assert found is not None
    assert found.lines() == ["mul 'y': overflow to inf in 1 of 4 elements"]


def test_given_infinities_are_nobodys_loss(squares: Path) -> None:
    """A mask of minus infinities, say."""
    found = ran(squares, -np.inf).watch
    assert found is not None
    assert found.losses == {}


def test_underflow_is_counted_on_request(squares: Path) -> None:
    """Of several runs, the worst one is kept."""
    found = ran(squares, 1e-4, 1, watch=Watch(underflow=True)).watch
    assert found is not None
    assert found.lines() == ["mul 'y': underflow to zero in 1 of 4 elements"]
    assert ran(squares, 1e-4).watch.losses == {}  # type: ignore[union-attr]


def test_nobody_looks(squares: Path) -> None:
    """Nothing is kept."""
    assert ran(squares, 300, watch=False).watch is None


def test_a_sum_may_overflow_where_no_term_does() -> None:
    """No false alarm."""
    found = Watch()
    found.see("add", "y", [], torch.full((4,), 3e38), None)
    assert found.losses == {}
    found.see("log", "z", [torch.zeros(2)], torch.tensor([-torch.inf, torch.nan]), None)
    assert found.lines() == ["log 'z': overflow to inf in 1, NaN in 1 of 2 elements"]
