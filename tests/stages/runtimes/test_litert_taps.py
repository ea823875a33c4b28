"""Intermediate results of TFLite files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import Tap
from edgesmith_stages.runtimes.litert import LiteRT
from edgesmith_stages.runtimes.litert_taps import dequantised

from .test_litert import SCALE, write_model


@pytest.mark.parametrize("quantised", [False, True])
def test_operations_show_by_the_tensors_names(tmp_path: Path, quantised: bool) -> None:
    """Of a quantised file, the numbers that the integers stand for."""
    model = write_model(tmp_path, quantised=quantised)
    runtime = LiteRT()
    runtime.load(model, threads=1)
    pixels, values = model.golden()
    found: list[Tap] = []
    runtime.tap(model.contract.feed(pixels[:1]), found.append)
    assert [(one.name, one.op) for one in found] == [("flat", "RESHAPE")]
    np.testing.assert_allclose(found[0].value, values[:1], atol=SCALE / 2 if quantised else 0)


def how(scales: Any, zeros: Any, axis: int = 0) -> dict[str, Any]:
    """Quantisation parameters as LiteRT tells them."""
    return {"scales": np.array(scales), "zero_points": np.array(zeros), "quantized_dimension": axis}


def test_integers_are_dequantised() -> None:
    """Per tensor, or per channel of any axis; integers without a scale are no numbers of the network's."""
    values = np.array([[1, 2], [3, 4]], np.int8)
    per_tensor = dequantised(values, how([0.5], [1]))
    assert per_tensor is not None
    assert per_tensor.tolist() == [[0, 0.5], [1, 1.5]]
    per_channel = dequantised(values, how([1, 10], [0, 1], axis=1))
    assert per_channel is not None
    assert per_channel.tolist() == [[1, 10], [3, 30]]
    assert dequantised(values, how([], [])) is None
    assert dequantised(np.array([True]), how([], [])) is None
