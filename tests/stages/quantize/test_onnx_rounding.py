"""Half results, rounded as a processor with half kernels does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from edgesmith import OnnxModel
from edgesmith_stages.quantize.onnx_cast import converted
from edgesmith_stages.quantize.onnx_rounding import Probe, rounded

from .onnx_graphs import artifact, proto

NODES = [
    helper.make_node("Mul", ["image", "scale"], ["a"], name="one"),
    helper.make_node("Mul", ["a", "a"], ["b"], name="two"),
    helper.make_node("Mul", ["b", "scale"], ["last"], name="three"),
]


def run(model: Any, image: Any) -> Any:
    """In ONNX Runtime, every optimisation on."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def test_each_result_is_rounded_as_numpy_rounds_it() -> None:
    """Bit by bit; in a node that is kept in single precision it is not."""
    image, scale = np.random.default_rng(0).random((1, 3, 2, 2), np.float32), np.float32(0.3)
    made = rounded(converted(proto(NODES, {"scale": scale}), [])[0])
    half = np.float16(scale)
    a = np.float16(np.float32(np.float16(image)) * np.float32(half))
    wanted = np.float16(np.float32(np.float16(np.float32(a) * np.float32(a))) * np.float32(half))
    np.testing.assert_array_equal(run(made, image), wanted.reshape(1, 12).astype(np.float32))
    whole = proto(NODES, {"scale": scale})
    mixed = rounded(converted(whole, ["one", "two", "three", "flatten"])[0])
    np.testing.assert_array_equal(run(mixed, image), run(whole, image))


def test_an_overflow_shows_in_the_peaks(tmp_path: Path) -> None:
    """By the tensor that overflows, and by what follows from it."""
    source = artifact(tmp_path, NODES, {"scale": 300})
    images = source.golden()[0]
    assert max(Probe.of(source, images).peaks.values()) < float("inf")
    tried = OnnxModel(tmp_path / "rounded")
    tried.path.mkdir()
    onnx.save(rounded(converted(onnx.load(source.file), [])[0]), tried.file)
    peaks = Probe.of(tried, images, source.contract).peaks
    assert peaks["a"] < 1000
    assert peaks["b"] == peaks["last"] == float("inf")
