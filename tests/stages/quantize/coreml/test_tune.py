"""Finding mixed forms of a package's weights, on a network that reads digits."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from edgesmith import CoreMLModel, Report, UserError
from edgesmith.testing import Outcome, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.assignment import NOT_SMALLER, Assignment
from edgesmith_stages.quantize.coreml.forms import FORMS
from edgesmith_stages.quantize.coreml.quantiser import CoreMLQuantiser
from edgesmith_stages.quantize.coreml.swapped import Swapped
from edgesmith_stages.quantize.sensitivity import Sensitivity
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.tune import TunePrecision
from edgesmith_stages.runtimes.coreml_reference import CoreMLReference

QUICK = {"data": "digits", "calibration": 2, "images": 64}


def tuned(source: Outcome, folder: Path, **params: Any) -> Outcome:
    """Run the stage on the exported package."""
    return run_stage(
        TunePrecision, folder, source.outputs, {**QUICK, **params}, datasets=[Digits], runtimes=[CoreMLReference]
    )


def quantised(source: Outcome, folder: Path, **given: Any) -> Outcome:
    """Compress the package as a scheme, or what tuning decided, says."""
    return run_stage(Quantize, folder, {**source.outputs, **given.pop("inputs", {})}, given, datasets=[Digits])


def files(model: Any) -> dict[str, bytes]:
    """All of a package, by path."""
    return {str(one.relative_to(model.file)): one.read_bytes() for one in model.file.rglob("*") if one.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a package is tuned once for all tests."""
    return tmp_path_factory.mktemp("tune")


@pytest.fixture(scope="module")
def tuning(coreml_model: Outcome, folder: Path) -> Outcome:
    """The smallest mixture that loses at most one image of 64."""
    return tuned(coreml_model, folder, max_drop=0.02)


@pytest.fixture
def measured(tuning: Outcome, folder: Path) -> CoreMLModel:
    """The package that tuning confirmed."""
    (made,) = (folder / "scratch" / "candidates").iterdir()
    return CoreMLModel(made)


@pytest.mark.slow
def test_a_mixture_is_smaller_than_whole_forms(tuning: Outcome) -> None:
    """Within the same budget; what was measured is in the report, form by form and operation by operation."""
    report = tuning.outputs["report"].read()  # type: ignore[attr-defined]
    whole = report["trials"][:6]
    assert [trial["label"] for trial in whole] == list(FORMS)
    holding = [trial["bytes"] for trial in whole if trial["missed"] is None]
    assert tuning.figures["scheme"] == "mixed"
    assert len(tuning.figures["forms"]) > 1
    assert tuning.figures["bytes"] < min(holding)
    assert tuning.figures["drop"] <= 0.02
    assert tuning.figures["images"] == 64
    assert sum(tuning.figures["forms"].values()) == len(report["operations"])


@pytest.mark.slow
def test_what_is_delivered_is_what_was_measured(
    coreml_model: Outcome, tuning: Outcome, measured: CoreMLModel, tmp_path: Path
) -> None:
    """Byte for byte, whoever makes the package."""
    made = quantised(coreml_model, tmp_path, inputs={"assignment": tuning.outputs["assignment"]}, scheme="auto")
    assert files(made.outputs["model"]) == files(measured)
    assert made.figures["bytes"] == tuning.figures["bytes"]
    assert made.figures["assigned"] == "mixed"
    assert sum(made.figures["forms"].values()) == made.figures["compressed_weights"]


@pytest.mark.slow
def test_a_mixture_need_not_be_written_to_be_run(
    coreml_model: Outcome, tuning: Outcome, measured: CoreMLModel, folder: Path
) -> None:
    """With constants from packages of whole forms the float one answers as the written one does, bit for bit."""
    from edgesmith_stages.coreml_export.saved import SavedPackage

    source: Any = coreml_model.outputs["model"]
    swapped = Swapped(source, CoreMLQuantiser(source), FORMS, folder / "scratch" / "forms")
    split = Digits(Digits.Params()).split("val")
    pixels = source.contract.pixels([split.image(index) for index in range(8)])
    forms = Assignment.read(tuning.outputs["assignment"]).forms  # type: ignore[arg-type]
    answers = SavedPackage(measured.file, source.contract).logits(pixels)
    assert (swapped.logits(forms, pixels) == answers).all()
    assert (swapped.logits({}, pixels) != answers).any()


@pytest.mark.slow
def test_a_form_for_all_weights_is_the_scheme_of_that_name(
    coreml_model: Outcome, tuning: Outcome, folder: Path, tmp_path: Path
) -> None:
    """Byte for byte."""
    named = quantised(coreml_model, tmp_path, scheme="linear-int4").outputs["model"]
    assert files(CoreMLModel(folder / "scratch" / "forms" / "linear-int4")) == files(named)


@pytest.mark.slow
def test_nothing_fits(coreml_model: Outcome, tuning: Outcome, folder: Path, tmp_path: Path) -> None:
    """The float package goes on as it is, and says why."""
    shutil.copytree(folder / "scratch" / "forms", tmp_path / "keep" / "scratch" / "forms")
    kept = tuned(coreml_model, tmp_path / "keep", max_bytes=1, images=4)
    assert (kept.figures["scheme"], kept.figures["bytes_ratio"]) == ("float", 1)
    inputs = {"assignment": kept.outputs["assignment"]}
    made = quantised(coreml_model, tmp_path / "made", inputs=inputs, scheme="auto")
    assert files(made.outputs["model"]) == files(coreml_model.outputs["model"])
    assert made.figures["kept"] == {NOT_SMALLER: "all operations"}


@pytest.mark.slow
def test_sensitivity_ranks_blocks_of_weights(coreml_model: Outcome, tmp_path: Path) -> None:
    """One block in four bits is nearer to the float package than all of them."""
    params = {"data": "digits", "images": 8, "blocks": 3}
    made = run_stage(Sensitivity, tmp_path, coreml_model.outputs, params, datasets=[Digits])
    noise = [row["sqnr_db"] for row in made.figures["blocks"]]
    assert len(noise) == 3
    assert noise == sorted(noise)
    assert noise[0] > made.figures["palettize-4"]["sqnr_db"]
    small = quantised(coreml_model, tmp_path / "small", scheme="palettize-4")
    with pytest.raises(UserError, match="compressed already"):
        run_stage(Sensitivity, tmp_path / "again", small.outputs, params, datasets=[Digits])


@pytest.mark.parametrize(
    ("given", "connected", "message"),
    [
        ({"max_latency": "0.6x"}, {}, "`max_latency` is for ONNX and TFLite models: a Core ML package's latency"),
        ({"prefer": "latency"}, {}, "`prefer: latency` is for ONNX and TFLite"),
        ({}, {"sensitivity": (Report,)}, "`sensitivity` is for ONNX and TFLite"),
    ],
)
def test_latency_is_not_asked_for(given: dict[str, Any], connected: dict[str, Any], message: str) -> None:
    """As there is none off an Apple device."""
    with pytest.raises(UserError, match=message):
        TunePrecision.check(TunePrecision.Params(**QUICK, **given), {"model": (CoreMLModel,), **connected}, {})


def test_an_assignment_needs_no_images() -> None:
    """Weights alone are compressed."""
    kinds = {"model": (CoreMLModel,), "assignment": (Report,)}
    Quantize.check(Quantize.Params(scheme="auto"), kinds, {})


@pytest.mark.parametrize("scheme", ["int8", None, "palettize-3"])
def test_blocks_take_forms_of_weights(scheme: Any) -> None:
    """Activations are not quantised block by block."""
    params = Sensitivity.Params.model_validate({"data": "digits", "scheme": scheme})
    if scheme == "int8":
        with pytest.raises(UserError, match="`scheme: int8` is not for blocks of a coreml model"):
            Sensitivity.check(params, {"model": (CoreMLModel,)}, {})
    else:
        Sensitivity.check(params, {"model": (CoreMLModel,)}, {})
