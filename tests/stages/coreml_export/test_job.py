"""Whole exports of small networks that go wrong, each in one way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgesmith import CoreMLModel, StageFailed, UserError
from edgesmith.testing import LocalContext, Outcome, folder_digest, run_stage
from edgesmith_stages.coreml_export.check import Bars, Insight, compare, require
from edgesmith_stages.coreml_export.job import Job
from edgesmith_stages.coreml_export.saved import SavedPackage
from edgesmith_stages.export_coreml import ExportCoreML, file_contract
from edgesmith_stages.formats.coreml import spec_of
from edgesmith_stages.formats.coreml_graph import layers

from . import networks

pytestmark = pytest.mark.slow

Export = Callable[..., Outcome]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Export one of the networks."""

    def run(network: Any, **params: Any) -> Outcome:
        source = networks.write(tmp_path / "source", network)
        return run_stage(ExportCoreML, tmp_path / "out", {"model": source}, params)

    return run


def test_an_overflow_fails_and_is_named(export: Export) -> None:
    """The operation, its layer or count, and what to do."""
    with pytest.raises(StageFailed, match=r"breaks at mul 'mul_1\w*': overflow to inf in [\d,]+ of 2,048") as caught:
        export(networks.loud)
    assert "`precision: mixed`" in str(caught.value.hint)


def test_mixed_precision_keeps_what_overflows(export: Export) -> None:
    """And what reads it; the rest are halves. Figures say which, and why."""
    made = export(networks.loud, precision="mixed")
    reasons = made.figures["kept_fp32"]
    assert made.figures["sqnr_db"] > 40
    assert 0 < len(reasons) < 0.5 * made.figures["ops"]
    assert any("a half holds 65,504" in why for why in reasons.values())
    kinds = {value.type.tensorType.dataType for value in _results(made, "conv")}
    assert kinds == {10}, "convolutions are halves"


def test_mixed_precision_goes_for_the_roundings_that_cost_most(export: Export) -> None:
    """Without any overflow, until the bar is met."""
    made = export(networks.quiet, precision="mixed", min_sqnr=70)
    assert made.figures["sqnr_db"] >= 70
    assert any("% of the noise" in why for why in made.figures["kept_fp32"].values())
    assert made.figures["rounds"] > 1


def test_mixed_precision_gives_up_at_a_bar_that_nothing_meets(export: Export) -> None:
    with pytest.raises(StageFailed, match=r"mixed precision: with \d+ operations .* expected at least 190"):
        export(networks.quiet, precision="mixed", min_sqnr=190)


def test_halves_that_cost_too_much_fail_with_the_worst_rounding(export: Export) -> None:
    with pytest.raises(StageFailed, match=r"It is what halves cost: most is lost at '\w+' \(layer \w+\), \d+ % of"):
        export(networks.quiet, min_sqnr=100)


def test_an_operation_that_computes_something_else_is_named(tmp_path: Path) -> None:
    """Here it is changed in the saved package: a converter's mistake looks the same."""
    source = networks.write(tmp_path / "source", networks.quiet)
    params = ExportCoreML.Params(precision="fp32")
    job = Job.prepare(LocalContext(tmp_path), source, file_contract(source.contract, params), params)
    package = tmp_path / "model.mlpackage"
    job.make(package, None)
    file = package / "Data/com.apple.CoreML/model.mlmodel"
    spec = spec_of(package)
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    next(one for one in block.operations if one.outputs and one.outputs[0].name == "relu_1").type = "tanh"
    file.write_bytes(spec.SerializeToString())
    saved = SavedPackage(package, job.contract)
    found = compare(job.wanted, saved.logits(job.images))
    insight = Insight(job.values, job.sources, layers(job.program), half=False)
    with pytest.raises(
        StageFailed, match=r"It goes wrong at tanh 'relu_1', which makes .* of exact inputs|inputs of 1"
    ):
        require(saved, found, Bars(60, 1), job.images, insight)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (networks.fancy, r"at the operator special_bessel_j0: .* \(layer fancy\)"),
        (networks.awkward, r"does not support dilation > 1 \(operator max_pool2d, layer fancy\)"),
    ],
)
def test_what_coremltools_cannot_convert_is_named_with_its_layer(export: Export, network: Any, told: str) -> None:
    with pytest.raises(StageFailed, match=told):
        export(network)


@pytest.mark.parametrize("network", [networks.sliced, networks.fused])
def test_what_coremltools_does_not_know_is_said_in_other_words(export: Export, network: Any) -> None:
    """An alias is left out, an operator is taken apart."""
    assert export(network, precision="fp32").figures["sqnr_db"] > 100


def test_branches_are_pointed_out(export: Export, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        export(networks.branched)
    assert "10 operators, of which fusing would leave 8" in caplog.text


def test_metadata_tells_the_model_it_came_from(export: Export) -> None:
    model = export(networks.quiet).outputs["model"]
    assert isinstance(model, CoreMLModel)
    assert spec_of(model.file).description.metadata.userDefined["edgesmith.source"] == "a digest"


class TestSizes:
    """More sizes than one."""

    def test_listed_ones_are_checked_and_recorded(self, export: Export) -> None:
        made = export(networks.stepped, sizes=[24, [16, 32]], precision="fp32")
        assert [one["size"] for one in made.figures["sizes"]] == [[24, 24], [16, 32]]
        assert all(one["sqnr_db"] > 60 for one in made.figures["sizes"])
        (image,) = _spec(made).description.input
        listed = {(one.height, one.width) for one in image.type.imageType.enumeratedSizes.sizes}
        assert listed == {(16, 16), (24, 24), (16, 32)}

    def test_a_range_is_checked_within(self, export: Export) -> None:
        made = export(networks.quiet, sizes={"min": 8, "max": 32}, labels=False, image_input=False)
        assert [8, 32] in [one["size"] for one in made.figures["sizes"]]
        (image,) = _spec(made).description.input
        sides = image.type.multiArrayType.shapeRange.sizeRanges[2:]
        assert [(one.lowerBound, one.upperBound) for one in sides] == [(8, 32), (8, 32)]

    def test_a_range_that_the_network_does_not_take_is_refused(self, export: Export) -> None:
        """It runs at 18, but not at 17."""
        with pytest.raises(UserError, match="sizes: "):
            export(networks.stepped, sizes={"min": 16, "max": 32})

    def test_a_size_that_the_network_refuses_is_named(self, export: Export) -> None:
        with pytest.raises(UserError, match="does not run at 24 x 24: 16 pixels only"):
            export(networks.fixed, sizes=[24])


def test_two_processes_give_the_same_bytes(tmp_path: Path, python: Callable[..., str], export: Export) -> None:
    """Mixed precision too, whose choice goes by figures."""
    code = """
import sys
from pathlib import Path
from edgesmith import TorchModel
from edgesmith.testing import folder_digest, run_stage
from edgesmith_stages.export_coreml import ExportCoreML
source = TorchModel(Path(sys.argv[1]), "a digest")
made = run_stage(ExportCoreML, Path(sys.argv[2]), {"model": source}, {"precision": "mixed", "min_sqnr": 68})
print(folder_digest(made.outputs["model"].path))
"""
    made = export(networks.quiet, precision="mixed", min_sqnr=68)
    root = Path(__file__).parents[3]
    again = python(code, str(tmp_path / "source"), str(tmp_path / "again"), PYTHONPATH=str(root), PYTHONHASHSEED="7")
    assert again.splitlines()[-1] == folder_digest(made.outputs["model"].path)


def test_a_conversion_that_failed_before_leaves_no_trace(tmp_path: Path) -> None:
    """coremltools goes on counting the names it gives, so the process of a failed one would name things otherwise."""

    def export(name: str, network: Any) -> str:
        source = networks.write(tmp_path / f"{name}-source", network)
        made = run_stage(ExportCoreML, tmp_path / name, {"model": source}, {"precision": "fp32"})
        return folder_digest(made.outputs["model"].path)

    before = export("before", networks.quiet)
    with pytest.raises(StageFailed):
        export("failed", networks.awkward)
    assert export("after", networks.quiet) == before


def _spec(made: Outcome) -> Any:
    model = made.outputs["model"]
    assert isinstance(model, CoreMLModel)
    return spec_of(model.file)


def _results(made: Outcome, kind: str) -> list[Any]:
    (block,) = _spec(made).mlProgram.functions["main"].block_specializations.values()
    return [one.outputs[0] for one in block.operations if one.type == kind]
