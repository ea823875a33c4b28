"""ONNX files in halves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, load

from edgesmith import Model, OnnxModel, StageFailed, UserError
from edgesmith.testing import Outcome, StageContract, run_stage
from edgesmith_stages.quantize.stage import Quantize

from .onnx_graphs import artifact


def halved(folder: Path, nodes: Sequence[Any], numbers: Mapping[str, Any], **params: Any) -> Outcome:
    """Run the stage on a file of these nodes."""
    source = artifact(folder / "source", nodes, numbers)
    return run_stage(Quantize, folder / "made", {"model": source}, {"scheme": "fp16", **params})


def abs_nodes(count: int, first: str, last: str) -> list[Any]:
    """So many in a row."""
    names = [first, *(f"{first}{place}" for place in range(1, count)), last]
    return [helper.make_node("Abs", [one], [two], name=two) for one, two in itertools.pairwise(names)]


SHRINK = [
    helper.make_node("Mul", ["image", "block.tiny"], ["smaller"], name="shrink"),
    helper.make_node("Mul", ["smaller", "block.tiny"], ["small"], name="shrink more"),
]
"""To what halves take for zero, by numbers that halves hold."""


def test_weights_and_arithmetic_are_halves_and_the_edges_are_not(tmp_path: Path) -> None:
    """So that what calls the float32 file can call this one."""
    nodes = [helper.make_node("Mul", ["image", "scale"], ["last"], name="mul")]
    made = halved(tmp_path, nodes, {"scale": np.full((1, 3, 2, 2), 0.3)})
    graph = load(made.outputs["model"].file).graph
    edges = (*graph.input, *graph.output)
    assert [one.type.tensor_type.elem_type for one in edges] == [TensorProto.FLOAT, TensorProto.FLOAT]
    assert [one.data_type for one in graph.initializer] == [TensorProto.FLOAT16]
    assert made.figures["kept_fp32"] == {}
    assert 55 < made.figures["half_sqnr_db"] < 90
    assert made.figures["sqnr_db"] > 55


def test_what_halves_cannot_hold_stays_in_single_precision(tmp_path: Path) -> None:
    """Named with its layer, as is what reads it; ONNX Runtime on a CPU alone would not have shown it."""
    nodes = [
        helper.make_node("Mul", ["image", "stem.weight"], ["large"], name="up"),
        helper.make_node("Mul", ["large", "down"], ["last"], name="down"),
    ]
    made = halved(tmp_path, nodes, {"stem.weight": 60000, "down": 0.0001})
    assert list(made.figures["kept_fp32"]) == ["up", "down"]
    assert made.figures["kept_fp32"]["up"].startswith("Mul (layer stem) reaches 1")
    assert made.figures["kept_fp32"]["down"].startswith("Mul (after layer stem) takes 1")
    assert made.figures["half_sqnr_db"] > 55


def test_a_divisor_that_rounds_to_zero_is_found_by_its_quotient(tmp_path: Path) -> None:
    """However many steps lie between."""
    divide = helper.make_node("Div", ["one", "divisor"], ["last"], name="div")
    made = halved(tmp_path, [*SHRINK, *abs_nodes(2, "small", "divisor"), divide], {"block.tiny": 1e-4, "one": 1e-7})
    kept = made.figures["kept_fp32"]
    assert kept["div"] == "Div 'div' (after layer block) gives no number in halves"
    assert kept["shrink more"] == "of its result in halves Div 'div' (after layer block) makes no number"
    assert kept.keys() == {"div", "divisor", "small1", "shrink more"}
    assert made.figures["half_sqnr_db"] > 20


def test_a_loss_too_far_up_the_graph_is_refused_by_name(tmp_path: Path) -> None:
    """After some steps the stage gives up."""
    divide = helper.make_node("Div", ["one", "divisor"], ["last"], name="div")
    nodes = [*SHRINK, *abs_nodes(9, "small", "divisor"), divide]
    with pytest.raises(StageFailed, match=r"breaks at Div 'div' \(after layer block\).*\n.*`exclude`"):
        halved(tmp_path, nodes, {"block.tiny": 1e-4, "one": 1e-7})


def test_a_number_smaller_than_the_smallest_half_stays(tmp_path: Path) -> None:
    """The converter would raise it to that."""
    nodes = [
        helper.make_node("Mul", ["image", "tiny"], ["small"], name="down"),
        helper.make_node("Mul", ["small", "large"], ["last"], name="up"),
    ]
    made = halved(tmp_path, nodes, {"tiny": 1e-9, "large": 1e9})
    assert made.figures["kept_fp32"]["down"] == "Mul takes numbers up to 1e-09; the smallest half is 6e-08"
    assert made.figures["half_sqnr_db"] > 55


def test_operators_that_the_user_names_stay(tmp_path: Path) -> None:
    """By type; a type that isn't there is an error."""
    nodes = [helper.make_node("Mul", ["image", "scale"], ["last"], name="mul")]
    made = halved(tmp_path / "one", nodes, {"scale": 0.3}, exclude=["Mul"])
    assert made.figures["kept_fp32"] == {"mul": "named by `exclude`"}
    with pytest.raises(UserError, match="unknown operator in `exclude` 'Mull'; did you mean 'Mul'"):
        halved(tmp_path / "other", nodes, {"scale": 0.3}, exclude=["Mull"])


def test_the_bar_is_for_rounded_results(tmp_path: Path) -> None:
    """Which is the worse figure of the two."""
    nodes = [helper.make_node("Mul", ["image", "scale"], ["last"], name="mul")]
    with pytest.raises(StageFailed, match=r"each result rounded, does not compute what.*expected at least 100"):
        halved(tmp_path, nodes, {"scale": 0.3}, min_sqnr=100)


@pytest.mark.slow
class TestHalves(StageContract):
    """The contract of stages, on a network that reads digits."""

    stage = Quantize
    params = {"scheme": "fp16"}

    @pytest.fixture(autouse=True)
    def _source(self, onnx_model: Outcome) -> None:
        self.source = onnx_model.outputs["model"]

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The trained network."""
        folder.mkdir(exist_ok=True)
        return {"model": self.source}


@pytest.mark.slow
def test_a_trained_network_reads_as_well_in_halves(
    onnx_model: Outcome, tmp_path: Path, right: Callable[[Model], float]
) -> None:
    """With an open batch, and about half as large."""
    source = onnx_model.outputs["model"]
    made = run_stage(Quantize, tmp_path, {"model": source}, {"scheme": "fp16"})
    assert isinstance(made.outputs["model"], OnnxModel)
    assert abs(right(made.outputs["model"]) - right(source)) < 0.003
    assert made.figures["ratio"] < 0.65
    assert made.figures["half_sqnr_db"] > 40
    assert made.figures["agreement"] == 1


def test_another_try_in_the_same_scratch_folder_ends_alike(tmp_path: Path) -> None:
    """What a failed try left there is no obstacle."""
    nodes = [helper.make_node("Mul", ["image", "scale"], ["last"], name="mul")]
    source = artifact(tmp_path / "source", nodes, {"scale": np.full((1, 3, 2, 2), 0.3)})
    for _ in range(2):
        with pytest.raises(StageFailed, match="expected at least 190"):
            run_stage(Quantize, tmp_path / "made", {"model": source}, {"scheme": "fp16", "min_sqnr": 190})
