"""Compressed Core ML packages. Their answers cannot be had here: sizes, encodings and the weights are checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edgesmith import CoreMLModel, UserError
from edgesmith.testing import Outcome, StageContract, run_stage
from edgesmith_stages.quantize.stage import Quantize

pytestmark = pytest.mark.slow


class TestQuantizeCoreML(StageContract):
    """The contract of stages: k-means too gives equal bytes."""

    stage = Quantize
    params = {"scheme": "palettize-4"}

    @pytest.fixture(autouse=True)
    def _source(self, coreml_model: Outcome) -> None:
        self.source = coreml_model.outputs["model"]

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """The trained network."""
        folder.mkdir(exist_ok=True)
        return {"model": self.source}


@pytest.mark.parametrize(
    ("scheme", "ratio", "sqnr", "encoding"),
    [
        ("linear-int8", 0.65, 35, "constexpr_blockwise_shift_scale"),
        ("linear-int4", 0.45, 15, "constexpr_blockwise_shift_scale"),
        ("palettize-6", 0.55, 25, "constexpr_lut_to_dense"),
        ("sparse", 0.75, 5, "constexpr_sparse_to_dense"),
    ],
)
def test_smaller_by_the_encoding_asked_for(
    coreml_model: Outcome, tmp_path: Path, scheme: str, ratio: float, sqnr: float, encoding: str
) -> None:
    """Bytes, encoding, and the weights' own SQNR."""
    from edgesmith_stages.formats.coreml import op_counts, spec_of

    made = run_stage(Quantize, tmp_path, coreml_model.outputs, {"scheme": scheme})
    model = made.outputs["model"]
    assert isinstance(model, CoreMLModel)
    assert made.figures["ratio"] < ratio
    assert made.figures["weight_sqnr_db"] > sqnr
    assert op_counts(spec_of(model.file))[encoding] == made.figures["compressed_weights"] > 3


def test_what_is_left_out(coreml_model: Outcome, tmp_path: Path) -> None:
    """By the program's operator names; with all convolutions left out this network hardly shrinks."""
    for scheme in ("linear-int8", "linear-int4"):
        made = run_stage(Quantize, tmp_path / scheme, coreml_model.outputs, {"scheme": scheme, "exclude": ["conv"]})
        assert made.figures["ratio"] > 0.9
    with pytest.raises(UserError, match="unknown operator in `exclude` 'convv'; did you mean 'conv'"):
        run_stage(Quantize, tmp_path / "none", coreml_model.outputs, {"scheme": "sparse", "exclude": ["convv"]})


def test_int4_needs_ios18(make_torch_model: Any, tmp_path: Path) -> None:
    """The message says which node to change."""
    from edgesmith_stages.export_coreml import ExportCoreML

    source = make_torch_model(tmp_path / "source", "test_resnet")
    old = run_stage(ExportCoreML, tmp_path / "old", {"model": source}, {"target": "iOS17"})
    with pytest.raises(UserError, match=r"int4 weights need iOS18.*\n.*target: iOS18"):
        run_stage(Quantize, tmp_path / "small", old.outputs, {"scheme": "linear-int4"})
