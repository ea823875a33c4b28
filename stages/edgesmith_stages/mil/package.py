"""Open an .mlpackage that may be damaged or hostile: the manifest, the specification, the weight files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgesmith import UserError
from edgesmith_stages.mil.proto import model_messages

NEWEST_SPECIFICATION = 10
"""That of iOS 26, the newest which coremltools 9 defines."""

MODEL_PATH = "@model_path/"
"""What names of weight files begin with: the folder of the specification."""

_MAX_MANIFEST, _MAX_SPECIFICATION = 1 << 24, (1 << 31) - 1
_MAX_PATH = 255
"""Characters of a path in a package: what one name may have on today's file systems."""

_AGAIN = "export the model again, or copy the package again"


@dataclass(frozen=True)
class Package:
    """An opened package.

    Attributes:
        path: the package's folder.
        spec: the parsed specification, a `Model` message that holds an ML Program.
        model_folder: the folder of the specification.
    """

    path: Path
    spec: Any
    model_folder: Path

    @classmethod
    def open(cls, path: Path) -> Package:
        """Read the manifest and the specification.

        Raises:
            UserError: it is no package, damaged, encrypted, compiled, leads out of itself, holds no ML Program, or is
                newer than what is known here.
        """
        _refuse_other_formats(path)
        file = _model_file(path)
        return cls(path, _specification(path, file), file.parent)

    def weight_file(self, name: str) -> Path:
        """Return the path of a blob file by its name in the program, such as "@model_path/weights/weight.bin".

        Raises:
            UserError: the name leads out of the package, or there is no such file.
        """
        if not name.startswith(MODEL_PATH):
            raise _broken(self.path, f"its program reads weights from {name!r}, expected a name under {MODEL_PATH!r}")
        file = _inside(self.path, self.model_folder, name.removeprefix(MODEL_PATH), "the weight file")
        if not file.is_file():
            raise _broken(self.path, f"the weight file {name!r} is missing")
        return file


def _refuse_other_formats(path: Path) -> None:
    if not path.exists():
        raise UserError(f"there is no Core ML package at {path}")
    if path.is_file():
        raise UserError(f"{path.name} is a file, expected an .mlpackage folder", hint="export an ML Program (iOS15+)")
    if any(path.glob("**/encryptionInfo")):
        raise UserError(f"{path.name} is encrypted: only Apple's systems can decrypt it", hint="use the .mlpackage")
    if (path / "coremldata.bin").exists():
        raise UserError(f"{path.name} is a compiled model (.mlmodelc)", hint="use the .mlpackage it was compiled from")


def _model_file(path: Path) -> Path:
    """Follow the manifest to the specification."""
    manifest = _manifest(path)
    root, entries = manifest.get("rootModelIdentifier"), manifest.get("itemInfoEntries")
    if not isinstance(entries, dict) or not isinstance(root, str):
        raise _broken(path, "its Manifest.json has no itemInfoEntries or no rootModelIdentifier")
    entry = entries.get(root)
    name = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise _broken(path, "its Manifest.json names no model: the root's entry or path is missing")
    file = _inside(path, path / "Data", name, "the model in its Manifest.json")
    if not file.is_file():
        raise _broken(path, f"the model that its Manifest.json names, Data/{name}, is missing")
    return file


def _manifest(path: Path) -> dict[str, Any]:
    file = path / "Manifest.json"
    if not file.is_file():
        raise UserError(f"{path.name} is not a Core ML package: it has no Manifest.json", hint=_AGAIN)
    _inside(path, path, file.name, "its Manifest.json")
    try:
        if file.stat().st_size > _MAX_MANIFEST:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, f"its Manifest.json cannot be read: {error}") from error
    if not isinstance(manifest, dict):
        raise _broken(path, f"its Manifest.json holds a {type(manifest).__name__}, expected an object")
    return manifest


def _inside(package: Path, folder: Path, name: str, what: str) -> Path:
    """Join a name that the package gives to a folder of it; refuse one that leads out, by itself or through a link."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not parts.parts:
        raise _broken(package, f"{what} has the path {name!r}, expected a relative one without '..'")
    if len(name) > _MAX_PATH:
        raise _broken(package, f"{what} has a path of {len(name):,} characters: {name[:40]!r}...")
    file = folder.joinpath(*parts.parts)
    try:
        led = file.resolve().is_relative_to(package.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long
        raise _broken(package, f"{what}, {name!r}, cannot be found: {error}") from error
    if not led:
        raise _broken(package, f"{what}, {name!r}, is a link that leads out of the package")
    return file


def _specification(path: Path, file: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    spec = model_messages().Model()
    try:
        if file.stat().st_size > _MAX_SPECIFICATION:
            raise _broken(path, f"{file.name} has {file.stat().st_size:,} bytes, more than a protobuf message can have")
        spec.ParseFromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise _broken(path, f"{file.name} is damaged, cut short or encrypted ({error})") from error
    kind = spec.WhichOneof("Type")
    if kind is None:
        raise _broken(path, f"{file.name} holds no model")
    if spec.specificationVersion > NEWEST_SPECIFICATION:
        raise UserError(
            f"{path.name} has specification version {spec.specificationVersion}, the newest known here is "
            f"{NEWEST_SPECIFICATION}",
            hint="export it for an older target, or update edgesmith",
        )
    if kind != "mlProgram":
        raise UserError(
            f"{path.name} holds a model of the kind {kind!r}, expected an ML Program",
            hint='convert it with `convert_to="mlprogram"` (iOS15 and newer)',
        )
    if not spec.mlProgram.functions:
        raise _broken(path, f"the program in {file.name} has no functions")
    return spec


def _broken(path: Path, what: str) -> UserError:
    return UserError(f"the Core ML package {path.name} is damaged: {what}", hint=_AGAIN)
