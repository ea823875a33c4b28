"""Layers of small ONNX and TFLite files: read as their runtimes compute them, and their biases corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import Model, OnnxModel
from edgesmith_stages.quantize.bias_correction.correct import correct
from edgesmith_stages.quantize.bias_correction.files import correct_biases
from edgesmith_stages.quantize.bias_correction.layers import Layer, WeightedFile
from edgesmith_stages.quantize.bias_correction.onnx_file import OnnxFile
from edgesmith_stages.quantize.bias_correction.tflite_file import TfliteFile

from .. import onnx_graphs, tflite_graphs

RELU = 1


def numbers(**shapes: tuple[int, ...]) -> dict[str, Any]:
    """Constants by name, seeded; not centred, so that rounding them shifts results."""
    draw = np.random.default_rng(0)
    return {name: draw.normal(0.2, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def onnx_file(folder: Path) -> Model:
    """A convolution with uneven pads, one of each channel alone, and a linear layer."""
    from onnx.helper import make_node

    nodes = [
        make_node("Conv", ["image", "w1", "b1"], ["one"], name="first", pads=[1, 1, 0, 0]),
        make_node("Relu", ["one"], ["clipped"], name="relu"),
        make_node("Conv", ["clipped", "w2", "b2"], ["two"], name="second", group=6),
        make_node("Flatten", ["two"], ["flat"], name="flatten_two"),
        make_node("Gemm", ["flat", "w3", "b3"], ["last"], name="third", transB=1),
    ]
    constants = numbers(w1=(6, 3, 2, 2), b1=(6,), w2=(6, 1, 2, 2), b2=(6,), w3=(12, 6), b3=(12,))
    return onnx_graphs.artifact(folder, nodes, constants)


def tflite_file(folder: Path) -> Model:
    """A convolution that keeps the size but for its stride, a depthwise one that doubles channels, a linear layer."""
    one = {"dilationWFactor": 1, "dilationHFactor": 1}
    steps = [
        (
            "CONV_2D",
            ["image", "w1", "b1"],
            "first",
            [1, 2, 2, 4],
            {"Conv2DOptions": {"padding": 0, "strideH": 2, "strideW": 2, "fusedActivationFunction": RELU, **one}},
        ),
        (
            "DEPTHWISE_CONV_2D",
            ["first", "w2", "b2"],
            "second",
            [1, 1, 1, 8],
            {"DepthwiseConv2DOptions": {"padding": 1, "strideH": 1, "strideW": 1, "depthMultiplier": 2, **one}},
        ),
        ("RESHAPE", ["second", "shape"], "flat", [1, 8], {}),
        ("FULLY_CONNECTED", ["flat", "w3", "b3"], "third", [1, 3], {"FullyConnectedOptions": {}}),
    ]
    constants = numbers(w1=(4, 3, 3, 3), b1=(4,), w2=(1, 2, 2, 8), b2=(8,), w3=(3, 8), b3=(3,))
    return tflite_graphs.artifact(folder, steps, {**constants, "shape": np.array([1, 8], np.int32)})


MAKERS = {"onnx": onnx_file, "tflite": tflite_file}


@pytest.fixture(params=sorted(MAKERS))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    return MAKERS[request.param](tmp_path / "source")


def opened(model: Model, scratch: Path, file: Path | None = None) -> WeightedFile:
    scratch.mkdir(parents=True)
    kind = OnnxFile if isinstance(model, OnnxModel) else TfliteFile
    return kind(file or model.file, scratch)


def by_name(file: WeightedFile) -> dict[str, Layer]:
    return {layer.name: layer for layer in file.layers()}


def images(count: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, (count, 4, 4, 3), np.uint8)


def test_layers_compute_what_the_runtime_does(source: Model, tmp_path: Path) -> None:
    """The depthwise one and the linear one; behind the first one is a ReLU."""
    file, rows = (
        opened(source, tmp_path / "run"),
        source.contract.feed(images(4)[:, : source.contract.size[0], : source.contract.size[1]]),
    )
    layers = by_name(file)
    assert list(layers) == ["first", "second", "third"]
    results = (
        {"second": "two", "third": "last"} if isinstance(source, OnnxModel) else {"second": "second", "third": "third"}
    )
    means = file.means(rows, {*results.values(), *(layer.given for layer in layers.values())})
    for name, result in results.items():
        mean = layers[name].mean(means[layers[name].given])
        np.testing.assert_allclose(mean, means[result].reshape(len(mean), -1).mean(1), rtol=1e-4, atol=1e-5)
    clipped = "clipped" if isinstance(source, OnnxModel) else "first"
    before = layers["first"].mean(means[layers["first"].given])
    assert (before <= file.means(rows, {clipped})[clipped].mean((1, 2)) + 1e-5).all()


@pytest.mark.slow
def test_what_rounding_shifts_on_average_is_taken_off(source: Model, tmp_path: Path) -> None:
    """Of the last layer's results, to a step of its integers; and nothing but biases changes."""
    size = source.contract.size[0]
    pixels = images(16)[:, :size, :size]
    made, plain = int8(source, pixels, tmp_path)
    before, rows = by_name(opened(source, tmp_path / "before", made.file)), source.contract.feed(pixels)
    off = np.abs(opened(source, tmp_path / "off", made.file).answers(rows) - plain.answers(rows)).mean()
    figures = correct_biases(source, made, pixels, tmp_path / "scratch")
    after = by_name(opened(source, tmp_path / "after", made.file))
    assert before.keys() == after.keys() == by_name(plain).keys()
    assert figures["bias_corrected"] == 3
    assert figures["bias_kept"] == all(
        figures[name] >= figures[f"{name}_before"] for name in ("bias_sqnr_db", "bias_agreement")
    )
    for name, layer in by_name(plain).items():
        np.testing.assert_array_equal(before[name].weight, after[name].weight)
        assert np.abs(before[name].weight - layer.weight).max() < 0.02 * np.abs(layer.weight).max()
        assert np.array_equal(before[name].bias, after[name].bias) != figures["bias_kept"]
    corrected = opened(source, tmp_path / "corrected", made.file)
    assert np.abs((corrected.answers(rows) - plain.answers(rows)).mean(0)).max() < off or not figures["bias_kept"]


@pytest.mark.slow
def test_a_file_without_integers_has_nothing_to_correct(source: Model, tmp_path: Path) -> None:
    size = source.contract.size[0]
    rows = source.contract.feed(images(2)[:, :size, :size])
    made = correct(opened(source, tmp_path / "one"), opened(source, tmp_path / "two"), rows)
    assert made == {"bias_corrected": 0, "bias_kept": False}


def int8(source: Model, pixels: Any, folder: Path) -> tuple[Model, WeightedFile]:
    """The file with one scale a weight, and the float file that its layers are named as."""
    from edgesmith_stages.quantize.onnx import PREPARED, OnnxQuantiser
    from edgesmith_stages.quantize.tflite import TfliteQuantiser

    made = type(source)(folder / "int8")
    made.path.mkdir()
    if isinstance(source, OnnxModel):
        scratch = folder / "scratch"
        OnnxQuantiser(source, pixels, "minmax", scratch, per_channel=False).write("int8", (), made.file)
        return made, opened(source, folder / "plain", scratch / PREPARED)
    TfliteQuantiser(source, pixels, per_channel=False).write("int8", (), made.file)  # type: ignore[arg-type]
    return made, opened(source, folder / "plain")
