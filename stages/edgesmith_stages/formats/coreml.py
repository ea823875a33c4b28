"""Core ML packages whose bytes depend on the model alone."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgesmith import UserError
from edgesmith_stages.hush import hushed

DROPPED_METADATA = ("com.github.apple.coremltools.conversion_date",)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://developer.apple.com/documentation/coreml")
"""Where the manifest's identifiers come from: each is a hash of the item's path."""

DEBUG_FILES = "*_debug_handle_mapping.json"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep coremltools from warning of library versions that it hasn't been tested with, and from progress bars."""
    with hushed("coremltools"):
        yield


@contextmanager
def building() -> Iterator[None]:
    """Do as `quiet`, and let coremltools number what it names from zero.

    It counts the names it gives for as long as the process lives, and starts over only where a conversion ends well: a
    conversion that failed before, or weights that were looked at, would be seen in the bytes of the next package.
    """
    with quiet():
        from coremltools.converters.mil import Builder

        Builder.name_count.clear()
        yield


def load(package: Path) -> Any:
    """Open a package as an MLModel that can be changed but not run."""
    import coremltools

    try:
        return coremltools.models.MLModel(str(package), skip_model_load=True)
    except Exception as error:  # coremltools raises anything on a damaged package
        raise UserError(f"the Core ML package {package.name} cannot be read: {error}") from error


def save(model: Any, package: Path) -> None:
    """Save an MLModel and normalise the package."""
    model.save(str(package))
    normalise(package)


def normalise(package: Path) -> None:
    """Rewrite what differs from one conversion to the next: dates, random identifiers, debug files, map order."""
    for file in package.glob(DEBUG_FILES):
        file.unlink()
    manifest = json.loads((package / "Manifest.json").read_text(encoding="utf-8"))
    entries = manifest["itemInfoEntries"]
    renamed = {old: str(uuid.uuid5(NAMESPACE, entry["path"])) for old, entry in entries.items()}
    manifest["itemInfoEntries"] = {renamed[old]: entry for old, entry in entries.items()}
    root = manifest["rootModelIdentifier"]
    manifest["rootModelIdentifier"] = renamed[root]
    text = json.dumps(manifest, indent=4, sort_keys=True) + "\n"
    (package / "Manifest.json").write_text(text, encoding="utf-8")
    file = package / "Data" / entries[root]["path"]
    spec = _parse(file)
    for key in DROPPED_METADATA:
        spec.description.metadata.userDefined.pop(key, None)
    file.write_bytes(spec.SerializeToString(deterministic=True))


def spec_of(package: Path) -> Any:
    """Parse the package's specification, a Model protobuf; raise UserError where `Package.open` does."""
    from edgesmith_stages.mil.package import Package

    return Package.open(package).spec


def op_counts(spec: Any) -> Counter[str]:
    """Count the program's operators by type, constants left out."""
    counts: Counter[str] = Counter()
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            counts.update(operation.type for operation in block.operations if operation.type != "const")
    return counts


def _parse(file: Path) -> Any:
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    return spec
