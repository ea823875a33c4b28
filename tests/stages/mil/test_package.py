"""Packages as they should be and as they should not: one clear error each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.mil.package import Package

from .packages import MODEL, WEIGHTS, model, small, write

MODEL_FILE = "Data/com.apple.CoreML/model.mlmodel"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A small sound package."""
    return small(tmp_path)


def manifest(package: Path, **changes: Any) -> None:
    """Change entries of the manifest."""
    file = package / "Manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def leads_to(package: Path, path: Any) -> None:
    """Change the path of the manifest's model."""
    manifest(package, itemInfoEntries={"1": {"path": path}})


def test_a_sound_package(package: Path) -> None:
    """The specification and the weights."""
    opened = Package.open(package)
    assert opened.spec.WhichOneof("Type") == "mlProgram"
    assert opened.weight_file(WEIGHTS) == package / "Data/com.apple.CoreML/weights/weight.bin"


@pytest.mark.parametrize("path", ["/etc/passwd", "../../secret", "com.apple.CoreML/../../../secret", "..\\x", "", "."])
def test_a_manifest_that_leads_out(package: Path, path: str) -> None:
    """Absolute paths and parent folders are refused by their name alone."""
    leads_to(package, path)
    with pytest.raises(UserError, match=r"path .* expected a relative one|is missing"):
        Package.open(package)


def test_a_path_that_no_file_system_takes(package: Path) -> None:
    """Told without all of it."""
    leads_to(package, "x" * 5000)
    with pytest.raises(UserError, match=r"has a path of 5,000 characters: 'x{40}'\.\.\."):
        Package.open(package)


def test_links_that_lead_out(package: Path, tmp_path: Path) -> None:
    """A link in the package is followed only within it."""
    file = package / MODEL_FILE
    (tmp_path / "secret").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="leads out of the package"):
        Package.open(package)
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(UserError, match="damaged"):
        Package.open(package)


def test_a_folder_that_is_a_link_out(package: Path, tmp_path: Path) -> None:
    """The weights too."""
    weights = package / "Data/com.apple.CoreML/weights"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="leads out of the package"):
        Package.open(package).weight_file(WEIGHTS)


@pytest.mark.parametrize("name", ["/etc/passwd", "@model_path/../../../x", "weights/weight.bin", "@model_path//etc/x"])
def test_a_program_that_reads_elsewhere(package: Path, name: str) -> None:
    """Weight files are within the package."""
    with pytest.raises(UserError, match="damaged"):
        Package.open(package).weight_file(name)


def test_a_missing_weight_file(package: Path) -> None:
    """The error names it."""
    (package / "Data/com.apple.CoreML/weights/weight.bin").unlink()
    with pytest.raises(UserError, match=r"weights/weight\.bin' is missing"):
        Package.open(package).weight_file(WEIGHTS)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"x"', "{}", "[" * 100_000, '{"rootModelIdentifier": 3, "itemInfoEntries": {}}', "\xff"]
)
def test_a_damaged_manifest(package: Path, content: str) -> None:
    """Not JSON, or other JSON."""
    (package / "Manifest.json").write_bytes(content.encode("latin1"))
    with pytest.raises(UserError, match=r"Manifest\.json"):
        Package.open(package)


@pytest.mark.parametrize("entries", [{}, {"1": None}, {"1": {}}, {"1": {"path": 3}}, {"1": {"path": "nowhere"}}])
def test_a_manifest_without_its_model(package: Path, entries: Any) -> None:
    """The root's entry or file is missing."""
    manifest(package, itemInfoEntries=entries)
    with pytest.raises(UserError, match=r"missing"):
        Package.open(package)


def test_a_cut_specification(package: Path) -> None:
    """A transfer that stopped."""
    file = package / MODEL_FILE
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"model\.mlmodel is damaged, cut short or encrypted"):
        Package.open(package)


def test_an_empty_specification(tmp_path: Path) -> None:
    """No bytes are a valid message, without a model."""
    with pytest.raises(UserError, match="holds no model"):
        Package.open(write(tmp_path, b""))


@pytest.mark.parametrize("kind", ["neuralNetworkClassifier", "neuralNetwork", "pipeline", "glmRegressor"])
def test_another_kind_of_model(tmp_path: Path, kind: str) -> None:
    """The error says how to convert it."""
    spec = MODEL.Model(specificationVersion=4)
    getattr(spec, kind).SetInParent()
    with pytest.raises(UserError, match=rf"'{kind}', expected an ML Program[\s\S]*convert_to"):
        Package.open(write(tmp_path, spec))


def test_a_program_without_functions(tmp_path: Path) -> None:
    spec = MODEL.Model(specificationVersion=8)
    spec.mlProgram.SetInParent()
    with pytest.raises(UserError, match="has no functions"):
        Package.open(write(tmp_path, spec))


def test_a_newer_specification(tmp_path: Path) -> None:
    """A version that this release has never seen."""
    spec = model({}, [])
    spec.specificationVersion = 42
    with pytest.raises(UserError, match="specification version 42"):
        Package.open(write(tmp_path, spec))


def test_no_package(tmp_path: Path) -> None:
    """Nothing, a file, an empty folder, a compiled model, an encrypted one."""
    file, empty, compiled = tmp_path / "a.mlmodel", tmp_path / "b.mlpackage", tmp_path / "c.mlmodelc"
    with pytest.raises(UserError, match="there is no Core ML package"):
        Package.open(tmp_path / "nothing")
    file.touch()
    with pytest.raises(UserError, match="is a file"):
        Package.open(file)
    empty.mkdir()
    with pytest.raises(UserError, match=r"no Manifest\.json"):
        Package.open(empty)
    compiled.mkdir()
    (compiled / "coremldata.bin").touch()
    with pytest.raises(UserError, match="compiled model"):
        Package.open(compiled)
    (compiled / "encryptionInfo").mkdir()
    with pytest.raises(UserError, match="is encrypted"):
        Package.open(compiled)
