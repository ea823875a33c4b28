"""Core ML packages: bytes that repeat."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgesmith import CoreMLModel, UserError
from edgesmith.testing import Outcome, folder_digest
from edgesmith_stages.formats import coreml

pytestmark = pytest.mark.slow


def test_a_package_saved_again_is_the_same_bytes(coreml_model: Outcome, tmp_path: Path) -> None:
    """coremltools itself gives new identifiers, a date and a debug file each time."""
    source = coreml_model.outputs["model"]
    assert isinstance(source, CoreMLModel)
    raw, saved = tmp_path / "raw.mlpackage", tmp_path / "saved.mlpackage"
    with coreml.quiet():
        model = coreml.load(source.file)
        model.save(str(raw))
        coreml.save(model, saved)
    assert folder_digest(saved) == folder_digest(source.file)
    assert folder_digest(raw) != folder_digest(source.file)


def test_the_manifest_still_names_its_items(coreml_model: Outcome) -> None:
    """Every entry's file is there, and the root is the specification."""
    package = coreml_model.outputs["model"].path / CoreMLModel.main
    manifest = json.loads((package / "Manifest.json").read_text())
    entries = manifest["itemInfoEntries"]
    assert entries[manifest["rootModelIdentifier"]]["name"] == "model.mlmodel"
    assert all((package / "Data" / entry["path"]).exists() for entry in entries.values())


def test_operators_are_counted(coreml_model: Outcome) -> None:
    """Constants aside."""
    counts = coreml.op_counts(coreml.spec_of(coreml_model.outputs["model"].path / CoreMLModel.main))
    assert counts["conv"] > 3
    assert counts["softmax"] == 1
    assert "const" not in counts
    assert sum(counts.values()) == coreml_model.figures["ops"]


def test_a_damaged_package_is_one_message(coreml_model: Outcome, tmp_path: Path) -> None:
    """Not a traceback out of protobuf."""
    package = tmp_path / "damaged.mlpackage"
    shutil.copytree(coreml_model.outputs["model"].path / CoreMLModel.main, package)
    (package / "Manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"damaged\.mlpackage cannot be read"):
        coreml.load(package)
