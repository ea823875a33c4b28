"""Ranges of activations, measured on a package built by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import CoreMLModel, InputContract, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.program import read_function
from edgesmith_stages.quantize.coreml.ranges import concats, measure, shared

from ...mil.packages import model, operation, write

IMAGE = TensorType("fp32", (1, 3, 4, 4))


@pytest.fixture
def package(tmp_path: Path) -> CoreMLModel:
    """relu(image * 2 - 1) beside its logarithm, joined with the image."""
    wide = TensorType("fp32", (1, 9, 4, 4))
    spec = model(
        {"image": IMAGE},
        ["joined"],
        operation("mul", {"doubled": IMAGE}, x="%image", y=2.0),
        operation("sub", {"centred": IMAGE}, x="%doubled", y=1.0),
        operation("relu", {"positive": IMAGE}, x="%centred"),
        operation("log", {"logarithm": IMAGE}, x="%positive", epsilon=0.0),
        operation("concat", {"joined": wide}, values=("%image", "%centred", "%positive"), axis=1, interleave=False),
        operation("add", {"unread": IMAGE}, x="%image", y="%logarithm"),
    )
    write(tmp_path, spec)
    contract = InputContract(size=(4, 4), mean=(0.0,) * 3, std=(1.0,) * 3, batch=1)
    (tmp_path / CONTRACT_FILE).write_text(contract.model_dump_json(), encoding="utf-8")
    pixels = np.zeros((1, 4, 4, 3), np.uint8)
    write_golden(tmp_path, pixels, np.zeros((1, 2), np.float32))
    return CoreMLModel(tmp_path)


def images(*levels: int) -> Any:
    """One image a level, all of it that grey."""
    return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])


@pytest.mark.parametrize("order", [(51, 255, 102), (255, 102, 51)])
def test_the_extremes_over_all_images(package: CoreMLModel, order: tuple[int, ...]) -> None:
    """Whichever comes last, the input's too; what became infinite has no range."""
    found = measure(package, images(*order), "minmax")
    assert set(found) == {"image", "doubled", "centred", "positive", "joined"}
    assert found["image"] == pytest.approx((0.2, 1))
    assert found["centred"] == pytest.approx((-0.6, 1))
    assert found["positive"] == pytest.approx((0, 1))


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_cut_ranges_are_within_the_true_ones(package: CoreMLModel, method: str) -> None:
    """And there is one for each value."""
    grey = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)
    true, cut = measure(package, grey, "minmax"), measure(package, grey, method)
    assert set(true) == set(cut)
    assert all(true[name][0] <= low < high <= true[name][1] + 1e-6 for name, (low, high) in cut.items())


def test_what_a_concat_joins_shares_a_range(package: CoreMLModel) -> None:
    """So that nothing has to be requantised; the rest keeps its own."""
    groups = concats(read_function(Package.open(package.file).spec))
    assert groups == [{"image", "centred", "positive", "joined"}]
    ranges = {"image": (0.0, 1.0), "centred": (-0.5, 2.0), "other": (0.0, 9.0)}
    assert shared(ranges, groups) == {"image": (-0.5, 2.0), "centred": (-0.5, 2.0), "other": (0.0, 9.0)}


def test_concats_that_share_a_value_are_one_group(tmp_path: Path) -> None:
    """Through any number of them."""
    pair = {"x": "%a", "y": "%a"}
    spec = model(
        {"a": IMAGE, "b": IMAGE, "c": IMAGE, "d": IMAGE},
        ["ab"],
        operation("concat", {"ab": TensorType("fp32", (1, 6, 4, 4))}, values=("%a", "%b"), axis=1, interleave=False),
        operation("concat", {"cd": TensorType("fp32", (1, 6, 4, 4))}, values=("%c", "%d"), axis=1, interleave=False),
        operation("add", {"sum": IMAGE}, **pair),
        operation("concat", {"bc": TensorType("fp32", (1, 6, 4, 4))}, values=("%b", "%c"), axis=1, interleave=False),
    )
    assert concats(read_function(spec)) == [{"a", "b", "c", "d", "ab", "cd", "bc"}]
