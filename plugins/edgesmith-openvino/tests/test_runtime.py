"""The runtime `openvino`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import Model, OnnxModel, StageFailed
from edgesmith.testing import LocalContext, RuntimeContract
from edgesmith_openvino.model import OpenVinoModel
from edgesmith_openvino.runtime import OpenVino


class TestOpenVino(RuntimeContract):
    """The contract of runtimes."""

    runtime = OpenVino

    @pytest.fixture(autouse=True)
    def _fixtures(self, make_onnx: Callable[..., OnnxModel], convert: Callable[..., OpenVinoModel]) -> None:
        self.make_onnx, self.convert = make_onnx, convert

    def model(self, folder: Path) -> Model:
        """The classifier, for any number of images."""
        return self.convert(self.make_onnx(folder / "onnx", batch=None), folder / "model")


def test_threads_streams_and_precision_are_pinned(float_model: OpenVinoModel) -> None:
    """As asked for, whatever the processor could do."""
    runtime = OpenVino()
    runtime.load(float_model, threads=1)
    asked: Any = runtime._compiled.get_property
    assert (asked("INFERENCE_NUM_THREADS"), asked("NUM_STREAMS")) == (1, 1)
    assert asked("INFERENCE_PRECISION_HINT").get_type_name() == "f32"


def test_answers_are_the_callers_own(float_model: OpenVinoModel) -> None:
    """The next run does not write over them."""
    runtime = OpenVino()
    runtime.load(float_model, threads=1)
    rows = float_model.contract.feed(float_model.golden()[0])
    first = runtime.predict(rows[:1])
    kept = first.copy()
    runtime.predict(rows[1:2])
    np.testing.assert_array_equal(first, kept)


def test_a_damaged_file_is_an_error_with_its_name(float_model: OpenVinoModel, tmp_path: Path) -> None:
    """Not a crash."""
    broken = OpenVinoModel(tmp_path)
    broken.file.mkdir()
    broken.xml.write_bytes(float_model.xml.read_bytes()[:500])
    with pytest.raises(StageFailed, match="openvino: RuntimeError"):
        LocalContext(tmp_path, runtimes=[OpenVino]).open(broken)
