"""What int8 can't hold in TFLite files: pads of infinity, bounds next to zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import StageFailed, TfliteModel
from edgesmith.testing import Outcome, run_stage
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.formats.tflite import numbers
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.tflite import TfliteQuantiser
from edgesmith_stages.quantize.tflite_pads import finite_pads

from .tflite_graphs import SIZE, Step, artifact, proto

SIDES = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
FLAT: Step = ("RESHAPE", ["last", "shape"], "logits", [1, SIZE * SIZE * 3], {})
SHAPE = np.array([1, SIZE * SIZE * 3], np.int32)


def pooled() -> list[Step]:
    """A max pool as litert-torch writes it: the border is minus infinity."""
    pool = {"strideW": 1, "strideH": 1, "filterWidth": 3, "filterHeight": 3, "padding": 1}
    return [
        ("PADV2", ["image", "sides", "lowest"], "bordered", [1, SIZE + 2, SIZE + 2, 3], {"PadV2Options": {}}),
        ("MAX_POOL_2D", ["bordered"], "last", [1, SIZE, SIZE, 3], {"Pool2DOptions": pool}),
        FLAT,
    ]


POOL = {"sides": SIDES, "lowest": np.array([-np.inf], np.float32), "shape": SHAPE}


def int8(source: TfliteModel, folder: Path, **params: Any) -> Outcome:
    """Quantise with noise."""
    given = {"scheme": "int8", "data": {"name": "random", "images": 16, "size": SIZE}, "calibration": 16, **params}
    return run_stage(Quantize, folder, {"model": source}, given, datasets=[RandomImages])


def test_a_border_of_infinity_becomes_the_least_that_was_seen() -> None:
    """And the range of what is padded, finite; a border that is kept in float stays."""
    ranges = {"image": {"min": np.float32([[-2]]), "max": np.float32([[3]])}, "bordered": {}}
    ranges["bordered"] = {"min": np.float32([[-np.inf]]), "max": np.float32([[3]])}
    model = proto(pooled(), POOL)
    assert finite_pads(model, ranges, keep={"bordered"}) == 0
    assert finite_pads(model, ranges) == 1
    (graph,) = model.subgraphs
    assert numbers(model, graph.tensors[graph.operators[0].inputs[2]]) == [-2]
    assert ranges["bordered"]["min"] == [[-2]]
    assert finite_pads(model, ranges) == 0


@pytest.mark.slow
def test_a_max_pool_with_a_border_is_quantised(tmp_path: Path) -> None:
    """ResNet's. Its scale would be infinite otherwise, which LiteRT refuses to run."""
    made = int8(artifact(tmp_path / "source", pooled(), POOL), tmp_path / "int8")
    assert made.figures["sqnr_db"] > 30
    assert made.figures["int8_ops"] > 2


@pytest.mark.slow
def test_a_bound_next_to_zero_stays_in_float(tmp_path: Path) -> None:
    """It guards a division, and would be zero; one that the scale can tell from zero is quantised."""
    for bound, kept in ((1e-12, True), (0.5, False)):
        steps: list[Step] = [("MAXIMUM", ["image", "bound"], "last", [1, SIZE, SIZE, 3], {}), FLAT]
        source = artifact(
            tmp_path / str(bound), steps, {"bound": np.full((1, 1, 1, 1), bound, np.float32), "shape": SHAPE}
        )
        quantiser = TfliteQuantiser(source, None)
        assert [one.quantisable for one in quantiser.operations] == [not kept, True]


@pytest.mark.slow
def test_an_operator_that_the_quantiser_cannot_make_is_named(tmp_path: Path) -> None:
    """ai-edge-quantizer 0.10 takes the bounds of four-dimensional tensors only."""
    tokens = [1, SIZE * SIZE, 3]
    steps: list[Step] = [
        ("RESHAPE", ["image", "tokens"], "x", tokens, {}),
        ("MAXIMUM", ["x", "bound"], "last", tokens, {}),
        FLAT,
    ]
    constants = {"tokens": np.array(tokens, np.int32), "bound": np.full((1, 1, 1), 0.5, np.float32), "shape": SHAPE}
    source = artifact(tmp_path / "source", steps, constants)
    with pytest.raises(StageFailed, match="at the operator MAXIMUM: Ranks") as caught:
        int8(source, tmp_path / "int8")
    assert caught.value.hint == "leave it in float: `exclude: [MAXIMUM]`"
    assert int8(source, tmp_path / "without", exclude=["MAXIMUM"]).figures["sqnr_db"] > 30
