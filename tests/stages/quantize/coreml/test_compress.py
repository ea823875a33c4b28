"""Compressed Core ML packages of a network that reads digits, run by the reference runtime."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import CoreMLModel, StageFailed, UserError
from edgesmith.testing import LocalContext, Outcome, StageContract, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.stage import Quantize

pytestmark = pytest.mark.slow

INT8 = {"scheme": "int8", "data": "digits", "calibration": 64}
SHIFT, LUT, SPARSE = "constexpr_blockwise_shift_scale", "constexpr_lut_to_dense", "constexpr_sparse_to_dense"
SPARSE_SHIFT, SPARSE_LUT = "constexpr_sparse_blockwise_shift_scale", "constexpr_lut_to_sparse"

FORMS: list[tuple[dict[str, Any], float, float, set[str]]] = [
    ({"scheme": "linear-int8"}, 0.62, 35, {SHIFT}),
    ({"scheme": "linear-uint8", "granularity": "per_tensor"}, 0.62, 25, {SHIFT}),
    ({"scheme": "linear-int4"}, 0.42, 14, {SHIFT}),
    ({"scheme": "linear-uint4", "block_size": 8, "symmetric": False}, 0.50, 14, {SHIFT}),
    ({"scheme": "palettize-8", "palette": "uniform"}, 0.65, 25, {LUT}),
    ({"scheme": "palettize-4", "group_size": 16}, 0.42, 13, {LUT}),
    ({"scheme": "palettize-6", "cluster_dim": 2, "group_size": 32}, 0.45, 7, {LUT}),
    ({"scheme": "palettize-4", "per_channel_scale": True}, 0.55, 13, {LUT, SHIFT}),
    ({"scheme": "sparse"}, 0.70, 5, {SPARSE}),
    ({"scheme": "sparse", "n_m": (1, 4)}, 0.95, 6, {SPARSE}),
    ({"scheme": "sparse", "sparsity": 0.3, "prune_block": 2}, 0.85, 4, {SPARSE}),
    ({"scheme": "sparse", "threshold": 0.02, "min_sparsity": 0.1}, 0.95, 8, {SPARSE}),
    ({"scheme": "linear-int8", "sparsity": 0.3}, 0.60, 9, {SPARSE, SPARSE_SHIFT}),
    ({"scheme": "palettize-4", "sparsity": 0.3, "lut_dtype": "int8"}, 0.47, 6, {SPARSE, SPARSE_LUT, SHIFT}),
    ({**INT8, "sparsity": 0.3}, 0.70, 9, {SPARSE, SPARSE_SHIFT}),
    ({**INT8, "scheme": "palettize-6", "activations": "int8"}, 0.62, 20, {LUT}),
]
"""Params; bounds of the ratio of bytes and of the SQNR in dB; what the weights are encoded by."""


class TestPalettes(StageContract):
    """The contract of stages: k-means too gives equal bytes."""

    stage = Quantize
    params = {"scheme": "palettize-4"}
    bad_params = ({"scheme": "palettize-4", "block_size": 8}, {"scheme": "int8"})

    @pytest.fixture(autouse=True)
    def _source(self, coreml_model: Outcome) -> None:
        self.source = coreml_model.outputs["model"]

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The trained network."""
        folder.mkdir(exist_ok=True)
        return {"model": self.source}

    def context(self, folder: Path) -> LocalContext:
        """With the dataset to calibrate on."""
        return LocalContext(folder, datasets=[Digits])


class TestInt8(TestPalettes):
    """The contract with calibration."""

    params = INT8
    bad_params = ({**INT8, "calibration": 1439},)


def quantised(source: Outcome, folder: Path, **params: Any) -> Outcome:
    """Run the stage on the exported package."""
    return run_stage(Quantize, folder, source.outputs, params, datasets=[Digits])


def answers(model: CoreMLModel) -> Any:
    """Logits of the golden images, by the reference runtime."""
    from edgesmith_stages.coreml_export.saved import SavedPackage

    return SavedPackage(model.file, model.contract).logits(model.golden()[0])


def decompressed(model: CoreMLModel, folder: Path) -> CoreMLModel:
    """The same package with weights that coremltools has decompressed."""
    from coremltools.optimize.coreml import decompress_weights

    from edgesmith import carry
    from edgesmith_stages.formats.coreml import load, quiet, save

    made = CoreMLModel(folder)
    folder.mkdir()
    carry(model, folder)
    with quiet():
        save(decompress_weights(load(model.file)), made.file)
    return made


@pytest.mark.parametrize(
    ("params", "ratio", "sqnr", "encodings"), FORMS, ids=[" ".join(map(str, form[0].values())) for form in FORMS]
)
def test_every_form_computes_with_the_weights_that_coremltools_decompresses(
    coreml_model: Outcome,
    tmp_path: Path,
    params: dict[str, Any],
    ratio: float,
    sqnr: float,
    encodings: set[str],
) -> None:
    """Bit for bit; smaller, by the encodings asked for, and with the parity of the saved packages as figures."""
    from edgesmith.parity import Parity
    from edgesmith_stages.formats.coreml import op_counts, spec_of

    made = quantised(coreml_model, tmp_path / "made", **params)
    model = made.outputs["model"]
    assert isinstance(model, CoreMLModel)
    assert {name for name in op_counts(spec_of(model.file)) if name.startswith("constexpr_")} == encodings
    found = answers(model)
    assert np.array_equal(found, answers(decompressed(model, tmp_path / "decompressed")))
    parity = Parity.of(answers(coreml_model.outputs["model"]), found)  # type: ignore[arg-type]
    assert made.figures | parity.figures() == made.figures
    assert made.figures["ratio"] < ratio
    assert sqnr < made.figures["sqnr_db"] < 60
    assert made.figures["weight_sqnr_db"] > 5
    assert made.figures["compressed_weights"] > 8


def test_int8_keeps_the_answers_by_each_method(coreml_model: Outcome, tmp_path: Path, right: Any) -> None:
    """Weights and activations: within 0.02 of the float package on the held-out digits."""
    floor = right(coreml_model.outputs["model"]) - 0.02
    for number, how in enumerate(({}, {"calibration_method": "percentile"}, {"symmetric_activations": False})):
        made = quantised(coreml_model, tmp_path / str(number), **INT8, **how)
        assert right(made.outputs["model"]) >= floor
        assert made.figures["sqnr_db"] > 22
        assert made.figures["quantized_activations"] > 30
        assert made.figures["calibration_images"] == 64


def test_int8_is_what_coremltools_makes_of_the_same_ranges(
    coreml_model: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own function, which predicts on macOS, is given our ranges here: the same operators, and hardly a difference.

    Not none: its scales are computed in half precision.
    """
    from coremltools.optimize import coreml
    from coremltools.optimize.coreml import _post_training_quantization as library

    from edgesmith import calibration, carry
    from edgesmith.parity import sqnr_db
    from edgesmith_stages.formats.coreml import load, op_counts, quiet, save, spec_of
    from edgesmith_stages.quantize.coreml.ranges import measure

    source = coreml_model.outputs["model"]
    assert isinstance(source, CoreMLModel)
    made = quantised(coreml_model, tmp_path / "made", **INT8).outputs["model"]
    context, data = LocalContext(tmp_path / "images", datasets=[Digits]), Quantize.Params(**INT8).data
    assert data is not None
    images = calibration.load(context, data, source.contract, 64)
    ranges = {name: {"rmin": low, "rmax": high} for name, (low, high) in measure(source, images, "minmax").items()}
    monkeypatch.setattr(library, "_get_activation_calibration_stats", lambda *_: ranges)
    how = coreml.OptimizationConfig(global_config=coreml.OpLinearQuantizerConfig())
    theirs = CoreMLModel(tmp_path / "theirs")
    theirs.path.mkdir()
    carry(source, theirs.path)
    with quiet():
        quantised_there = coreml.linear_quantize_activations(load(source.file), how, [])
        save(coreml.linear_quantize_weights(quantised_there, how), theirs.file)
    assert op_counts(spec_of(made.file)) == op_counts(spec_of(theirs.file))  # type: ignore[union-attr]
    assert sqnr_db(answers(theirs), answers(made)) > 30  # type: ignore[arg-type]


def test_a_float32_package_is_quantised_too(trained_model: Any, tmp_path: Path, right: Any) -> None:
    """coremltools' own pass fails there: it takes half-precision scales."""
    from edgesmith_stages.export_coreml import ExportCoreML

    how = {"target": "iOS17", "precision": "fp32", "image_input": False, "labels": False}
    source = run_stage(ExportCoreML, tmp_path / "source", {"model": trained_model}, how)
    made = quantised(source, tmp_path / "made", **INT8, symmetric_activations=False)
    assert made.figures["sqnr_db"] > 25
    assert made.figures["ratio"] < 0.45


def test_what_is_left_out(coreml_model: Outcome, tmp_path: Path) -> None:
    """By the program's operator names; with all convolutions left out this network hardly shrinks."""
    for params in ({"scheme": "linear-int8"}, {"scheme": "linear-int4"}, INT8):
        made = quantised(coreml_model, tmp_path / params["scheme"], **params, exclude=["conv"])
        assert made.figures["ratio"] > 0.9
        assert made.figures.get("quantized_activations", 0) < 20
    with pytest.raises(UserError, match="unknown operator in `exclude` 'convv'; did you mean 'conv'"):
        quantised(coreml_model, tmp_path / "none", scheme="sparse", exclude=["convv"])


def test_weights_that_a_granularity_does_not_fit_take_the_next_coarser(coreml_model: Outcome, tmp_path: Path) -> None:
    """Nothing is skipped; no channel count of this network is a multiple of seven."""
    coarse = quantised(coreml_model, tmp_path / "coarse", scheme="palettize-4")
    fine = quantised(coreml_model, tmp_path / "fine", scheme="palettize-4", group_size=7)
    assert fine.figures == coarse.figures
    assert fine.figures["skipped_weights"] == 0


def test_a_bar_that_is_not_met(coreml_model: Outcome, tmp_path: Path) -> None:
    """Of the packages, not of the weights alone."""
    with pytest.raises(StageFailed, match=r"SQNR [\d.]+ dB, expected at least 40"):
        quantised(coreml_model, tmp_path, scheme="palettize-2", min_sqnr=40)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scheme": "palettize-unique"}, "compressed no weight, of 12 that are large.*\n.*256 different values"),
        ({"scheme": "palettize-unique", "sparsity": 0.3}, "palettize-unique compressed no weight"),
        ({"scheme": "sparse", "prune_block": 500}, "compressed no weight.*\n.*`prune_block`"),
        ({"scheme": "linear-int8", "min_elements": 10**7}, "none has more than 10000000 elements"),
    ],
)
def test_nothing_compressed_is_an_error(
    coreml_model: Outcome, tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    """Else a file as large as before would pass for a compressed one."""
    with pytest.raises(StageFailed, match=message):
        quantised(coreml_model, tmp_path, **params)


def test_a_compressed_package_is_refused(coreml_model: Outcome, tmp_path: Path) -> None:
    """The hint says how joint forms are made."""
    made = quantised(coreml_model, tmp_path / "first", scheme="sparse")
    with pytest.raises(UserError, match=r"compressed already.*\n.*add `sparsity`"):
        run_stage(Quantize, tmp_path / "second", made.outputs, {"scheme": "palettize-4"})


def test_a_damaged_package_is_refused_before_coremltools_reads_it(coreml_model: Outcome, tmp_path: Path) -> None:
    """coremltools would follow the manifest out of the package, and name no file when the weights are cut."""

    def lead_out(package: Path) -> None:
        file = package / "Manifest.json"
        file.write_text(file.read_text().replace("com.apple.CoreML/model.mlmodel", "/etc/hostname"))

    def cut(package: Path) -> None:
        (file,) = package.rglob("weight.bin")
        file.write_bytes(file.read_bytes()[:2000])

    for damage, told in ((lead_out, "has the path '/etc/hostname'"), (cut, r"weight\.bin is damaged")):
        folder = tmp_path / damage.__name__
        shutil.copytree(coreml_model.outputs["model"].path, folder)
        source = CoreMLModel(folder)
        damage(source.file)
        with pytest.raises(UserError, match=told):
            run_stage(Quantize, folder / "made", {"model": source}, {"scheme": "linear-int8"})


def test_older_targets(make_torch_model: Any, tmp_path: Path) -> None:
    """The message says which node to change; what the target has, it gets."""
    from edgesmith_stages.export_coreml import ExportCoreML

    source = make_torch_model(tmp_path / "source", "test_resnet")
    old = run_stage(ExportCoreML, tmp_path / "old", {"model": source}, {"target": "iOS16"})
    for number, (params, message) in enumerate(
        [
            ({"scheme": "linear-int4"}, r"int4 weights need iOS18.*\n.*target: iOS18"),
            ({"scheme": "palettize-4", "sparsity": 0.5}, "jointly compressed weights need iOS18"),
            (INT8, r"int8 activations need iOS17.*\n.*target: iOS17"),
        ]
    ):
        with pytest.raises(UserError, match=message):
            quantised(old, tmp_path / str(number), **params)
    for scheme in ("linear-uint8", "palettize-4", "sparse"):
        made = quantised(old, tmp_path / scheme, scheme=scheme)
        assert made.figures["ratio"] < 0.75
        assert made.figures["sqnr_db"] > 5
