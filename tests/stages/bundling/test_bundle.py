"""The `bundle` stage on real files: what it writes, and that its check passes, and fails where it should."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from edgesmith import Report, UserError
from edgesmith.testing import LocalContext, StageContract, run_stage
from edgesmith_stages.bundle import MakeBundle
from edgesmith_stages.runtimes.coreml_reference import CoreMLReference
from edgesmith_stages.runtimes.litert import LiteRT
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

pytestmark = pytest.mark.slow

RUNTIMES = (OnnxRuntime, LiteRT, CoreMLReference)


def bundle(folder, model, reports=None, **params):
    given = {"model": model, "reports": reports}
    made = run_stage(MakeBundle, folder, given, {"name": "my net", **params}, runtimes=RUNTIMES)
    return made.outputs["bundle"], made.figures


def check(folder):
    """Run the bundle's own program, alone; return its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-I", folder / "check.py"], capture_output=True, text=True, check=False, cwd=folder.parent
    )
    return done.returncode, done.stdout + done.stderr


def report(folder, document):
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(document))
    return Report(folder, "digest-of-the-report")


class TestContract(StageContract):
    stage = MakeBundle
    bad_params = [{"package": "com.when.app"}, {"package": "Com"}, {"tolerance": 0}, {"name": ""}]

    @pytest.fixture(autouse=True)
    def _given(self, write_onnx):
        self.write = write_onnx

    def inputs(self, folder):
        return {"model": self.write(folder / "model")}

    def context(self, folder):
        return LocalContext(folder, runtimes=RUNTIMES)


def test_an_onnx_bundle_holds_everything_and_its_check_passes(tmp_path, write_onnx):
    model = write_onnx(tmp_path / "model")
    made, figures = bundle(tmp_path / "out", model, images=2)
    assert sorted(str(file.relative_to(made.path)) for file in made.path.rglob("*") if file.is_file()) == [
        "MODEL_CARD.md",
        "MyNet.onnx",
        "check.py",
        "golden/expected.bin",
        "golden/image-0.png",
        "golden/image-1.png",
        "golden/image-2.png",
        "golden/input.bin",
        "golden/pixels.bin",
        "kotlin/MyNetClassifier.kt",
        "kotlin/MyNetPreprocessing.kt",
        "labels.txt",
        "preprocess.json",
    ]
    assert made.file.read_bytes() == model.file.read_bytes()
    assert (made.path / "labels.txt").read_text() == 'cat\nsay "$9"\na|b <i>\n'
    assert made.read()["output"]["classes"] == list(model.contract.classes)
    pixels, logits = model.golden()
    np.testing.assert_array_equal(np.asarray(Image.open(made.path / "golden/image-1.png")), pixels[1])
    np.testing.assert_array_equal(
        np.fromfile(made.path / "golden/input.bin", "<f4").reshape(3, 3, 8, 8)[:2], model.contract.feed(pixels[:2])
    )
    np.testing.assert_allclose(
        np.fromfile(made.path / "golden/expected.bin", "<f4").reshape(3, 3)[:2], logits[:2], atol=1e-5
    )
    assert figures["sqnr_db"] > 60 and figures["agreement"] == 1
    assert figures["caught"] == dict.fromkeys(
        ["rotated", "mirrored", "scaled", "swapped_channels", "not_normalised"], True
    )
    code, printed = check(made.path)
    assert code == 0, printed
    assert printed.count(" ok:") == 4


@pytest.mark.parametrize("quantised", [False, True])
def test_a_tflite_bundle_s_check_passes(tmp_path, write_tflite, quantised):
    made, _ = bundle(tmp_path / "out", write_tflite(tmp_path / "model", quantised=quantised))
    assert made.read()["tensor"]["dtype"] == ("int8" if quantised else "float32")
    code, printed = check(made.path)
    assert code == 0, printed


def test_the_check_fails_for_another_model_and_for_other_preprocessing(tmp_path, write_onnx):
    made, _ = bundle(tmp_path / "out", write_onnx(tmp_path / "model"))
    contents = made.read()
    contents["tensor"]["mean"] = [0.5, 0.5, 0.5]
    (made.path / "preprocess.json").write_text(json.dumps(contents))
    code, printed = check(made.path)
    assert code == 1 and "images  FAILED" in printed
    file = made.path / "golden/input.bin"
    swapped = np.fromfile(file, "<f4").reshape(3, 3, 8, 8)[:, ::-1]
    file.write_bytes(swapped.tobytes())
    code, printed = check(made.path)
    assert code == 1 and "golden/image-0.png  FAILED: off by" in printed


def test_the_card_says_what_was_measured_and_only_that(tmp_path, write_onnx):
    model = write_onnx(tmp_path / "model", "digest-of-the-model")
    made, _ = bundle(tmp_path / "plain", model)
    card = (made.path / "MODEL_CARD.md").read_text()
    assert "were not measured" in card and "top1" not in card and "author" not in card
    rows = [{"bytes": 1, "status": "ok", "top1": 0.25}, {"bytes": 2, "status": "ok", "top1": 0.875}]
    scored = report(
        tmp_path / "eval", {"models": rows, "digests": ["another", model.digest], "data": "digits", "sections": []}
    )
    made, _ = bundle(tmp_path / "told", model, [scored], author="A|B", license="MIT")
    card = (made.path / "MODEL_CARD.md").read_text()
    assert "| top1 | 0.875 |" in card and "0.25" not in card and "not measured" not in card
    assert r"| author | A\|B |" in card and "| version |" not in card
    assert "- data: digits" in card and "`digest-of-the-model`" in card and "`digest-of-the-report`" in card
    assert r"2. a\|b &lt;i&gt;" in card


def test_a_report_about_other_models_is_refused(tmp_path, write_onnx):
    model = write_onnx(tmp_path / "model", "mine")
    other = report(tmp_path / "eval", {"models": [{"top1": 1}], "digests": ["another"]})
    with pytest.raises(UserError, match="about other models"):
        bundle(tmp_path / "out", model, [other])
    with pytest.raises(UserError, match="doesn't say which models"):
        bundle(tmp_path / "out2", model, [report(tmp_path / "odd", {"layers": []})])


def test_a_contract_that_is_not_the_file_s_is_refused(tmp_path, write_onnx):
    with pytest.raises(UserError, match="the file takes float32: no wrapper is written for that"):
        bundle(tmp_path / "out", write_onnx(tmp_path / "model", dtype="uint8", normalised_by="model"))
    with pytest.raises(UserError, match="takes 4 images at once"):
        bundle(tmp_path / "out2", write_onnx(tmp_path / "batch", batch=4))


@pytest.mark.parametrize(("image", "labels"), [(True, True), (False, False)])
def test_a_core_ml_bundle_comes_with_swift(tmp_path, write_coreml, image, labels):
    model = write_coreml(tmp_path / "model", image=image, labels=labels)
    made, figures = bundle(tmp_path / "out", model)
    assert figures["sqnr_db"] > 60 and all(figures["caught"].values())
    contents = made.read()
    assert made.file.name == "MyNet.mlpackage" and (made.file / "Manifest.json").is_file()
    assert (contents["tensor"]["form"], contents["tensor"]["values"]) == (
        ("image", "pixel") if image else ("array", "normalised")
    )
    assert contents["output"]["form"] == ("probabilities" if labels else "array")
    swift = (made.path / "swift/MyNetClassifier.swift").read_text()
    assert ("kCVPixelFormatType_32BGRA" in swift) == image and ("dictionaryValue" in swift) == labels
    card = (made.path / "MODEL_CARD.md").read_text()
    assert "| author | Package Author |" in card and "- made from: `sha-of-source`" in card
    code, printed = check(made.path)
    assert (
        code == 0 if sys.platform == "darwin" else (code, printed) == (2, "not checked: Core ML runs on macOS only\n")
    )
