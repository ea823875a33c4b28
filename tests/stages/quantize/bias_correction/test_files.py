"""Corrected biases of int8 files, of a network that reads digits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import Model, OnnxModel, UserError
from edgesmith.testing import Outcome, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.bias_correction.layers import Layer, WeightedFile
from edgesmith_stages.quantize.bias_correction.onnx_file import OnnxFile
from edgesmith_stages.quantize.bias_correction.tflite_file import TfliteFile
from edgesmith_stages.quantize.onnx import PREPARED
from edgesmith_stages.quantize.options import refuse
from edgesmith_stages.quantize.stage import Quantize

INT8 = {"scheme": "int8", "granularity": "per_tensor", "data": "digits", "calibration": 16}


@pytest.fixture(scope="module", params=["onnx_model", "tflite_model"])
def exported(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param).outputs["model"]


@pytest.fixture(scope="module")
def made(exported: Model, tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, tuple[Path, Outcome]]:
    """Quantised without and with the correction, and the folders."""
    found = {}
    for corrected in (False, True):
        folder = tmp_path_factory.mktemp("corrected" if corrected else "plain")
        params = {**INT8, "bias_correction": corrected}
        found[corrected] = (folder, run_stage(Quantize, folder, {"model": exported}, params, datasets=[Digits]))
    return found


def weighted(model: Any, scratch: Path) -> WeightedFile:
    scratch.mkdir()
    return OnnxFile(model.file, scratch) if isinstance(model, OnnxModel) else TfliteFile(model.file, scratch)


def by_name(file: WeightedFile) -> dict[str, Layer]:
    return {layer.name: layer for layer in file.layers()}


@pytest.mark.slow
def test_layers_means_are_the_float_files(
    exported: Model, made: Mapping[bool, tuple[Path, Outcome]], tmp_path: Path
) -> None:
    """At the last layer, whose error is all that the answers' means have."""
    figures = made[True][1].figures
    assert figures["bias_corrected"] >= 20
    assert figures["bias_kept"]
    assert figures["bias_sqnr_db"] > figures["bias_sqnr_db_before"]
    split = Digits(Digits.Params()).split("train")
    rows = exported.contract.feed(exported.contract.pixels([split.image(index) for index in range(32)]))
    answers = {key: weighted(one.outputs["model"], tmp_path / str(key)).answers(rows) for key, (_, one) in made.items()}
    wanted = weighted(exported, tmp_path / "float").answers(rows)
    off = {key: float(np.abs((answer - wanted).mean(0)).max()) for key, answer in answers.items()}
    assert off[True] < off[False]


@pytest.mark.slow
def test_only_biases_differ(exported: Model, made: Mapping[bool, tuple[Path, Outcome]], tmp_path: Path) -> None:
    pairs = [by_name(weighted(one.outputs["model"], tmp_path / str(key))) for key, (_, one) in made.items()]
    folder = made[False][0]
    source = next(folder.rglob(PREPARED)) if isinstance(exported, OnnxModel) else exported.file
    plain = by_name(type(weighted(exported, tmp_path / "float"))(source, tmp_path))
    assert plain.keys() == pairs[0].keys() == pairs[1].keys()
    for name, real in plain.items():
        first, second = (found[name] for found in pairs)
        np.testing.assert_array_equal(first.weight, second.weight)
        assert np.abs(first.weight - real.weight).max() < 0.02 * np.abs(real.weight).max()
        assert not np.array_equal(first.bias, second.bias)


@pytest.mark.parametrize(("scheme", "kind"), [("dynamic-int8", "onnx"), ("int8", "coreml"), ("fp16", "tflite")])
def test_other_schemes_have_no_biases_to_correct(scheme: str, kind: str) -> None:
    with pytest.raises(UserError, match="`bias_correction` is for int8 of ONNX and TFLite"):
        refuse(Quantize.Params(scheme=scheme, data="digits", bias_correction=True), kind)


def test_scales_per_block_are_core_mls() -> None:
    with pytest.raises(UserError, match="per_block"):
        refuse(Quantize.Params(scheme="int8", data="digits", granularity="per_block"), "onnx")
