"""Saved packages, run and watched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgesmith import InputContract
from edgesmith_stages.coreml_export.saved import underflows
from edgesmith_stages.mil.call import TensorType

from ..mil.packages import model, operation, write

HALF, X = TensorType("fp16", (1, 3, 2, 2)), TensorType("fp32", (1, 3, 2, 2))
CONTRACT = InputContract(size=(2, 2))
PIXELS = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)


@pytest.mark.parametrize(
    ("factor", "wanted"), [(1e-9, ["mul 'faint': underflow to zero in 12 of 12 elements"]), (1e-2, [])]
)
def test_numbers_that_a_half_rounds_to_zero(tmp_path: Path, factor: float, wanted: list[str]) -> None:
    """Named with the operation; the one that goes on with the zeros has lost nothing."""
    spec = model(
        {"image": X},
        ["back"],
        operation("mul", {"faint": HALF}, x="%image", y=np.float32(factor)),
        operation("relu", {"positive": HALF}, x="%faint"),
        operation("cast", {"back": X}, x="%positive", dtype="fp32"),
    )
    assert underflows(write(tmp_path, spec), CONTRACT, PIXELS) == wanted
