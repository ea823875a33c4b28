"""A bias that several operations share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgesmith.testing import run_stage
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.quantize.onnx_bias import unshare_biases
from edgesmith_stages.quantize.stage import Quantize

from .onnx_graphs import artifact, proto

NUMBERS = {"scale": np.linspace(0.5, 2, 3), "b": np.linspace(-1, 1, 3)}


def norms() -> list[Any]:
    """Two norms with one bias `b`; the first one's result is called `b1`, as the quantiser would call a copy of it."""
    from onnx import helper

    return [
        helper.make_node("InstanceNormalization", ["image", "scale", "b"], ["b1"], name="first"),
        helper.make_node("Sigmoid", ["b1"], ["bent"], name="bend"),
        helper.make_node("InstanceNormalization", ["bent", "scale", "b"], ["last"], name="second"),
    ]


def test_each_operation_gets_its_own() -> None:
    model = proto(norms(), NUMBERS)
    assert unshare_biases(model) == 1
    first, _, second, _ = model.graph.node
    assert (first.input[2], second.input[2]) == ("b", "b.0")
    assert unshare_biases(model) == 0


def test_int8_keeps_a_tensor_that_is_named_like_a_copy(tmp_path: Path) -> None:
    """Otherwise `b1` would be the bias from then on, of another shape, and the file would not run."""
    source = artifact(tmp_path / "source", norms(), NUMBERS)
    noise = {"name": "random", "images": 16, "size": 2}
    params = {"scheme": "int8", "data": noise, "calibration": 16, "exclude": []}
    made = run_stage(Quantize, tmp_path / "int8", {"model": source}, params, datasets=[RandomImages])
    assert made.figures["sqnr_db"] > 25
