"""Artifact kinds: immutable folders with typed accessors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgesmith.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from edgesmith.input_contract import InputContract

CONTRACT_FILE = "contract.json"
GOLDEN_FILE = "golden.safetensors"


@dataclass(frozen=True)
class Artifact:
    """An immutable folder of one kind.

    Attributes:
        path: the folder; read-only for stages that take it as input.
        digest: the content's digest, empty while the artifact is still being made.
    """

    kind: ClassVar[str] = ""
    path: Path
    digest: str = ""


@dataclass(frozen=True)
class Model(Artifact):
    """A model file with its input contract, and one golden input with its logits.

    A subclass says in `main` which entry of the folder is the model itself; its bytes are what tables report.
    """

    kind = "model"
    main: ClassVar[str] = ""

    @property
    def file(self) -> Path:
        """Path of the model file (or of the package folder, for formats that are folders)."""
        return self.path / self.main

    @cached_property
    def contract(self) -> InputContract:
        """The input contract that travels with the model."""
        from edgesmith.input_contract import InputContract

        return InputContract.read(self.path / CONTRACT_FILE)

    def golden(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return the golden pair: pixels uint8 [N, H, W, C] and logits float32 [N, classes]."""
        from edgesmith.golden import read_golden

        return read_golden(self.path)

    def bytes(self) -> int:
        """Size of the model file in bytes (all files of it, for a package folder)."""
        file = self.file
        if file.is_dir():
            return sum(p.stat().st_size for p in file.rglob("*") if p.is_file())
        return file.stat().st_size


@dataclass(frozen=True)
class TorchModel(Model):
    """A recipe and weights (DESIGN.md, "Models on disk"): `recipe.json`, `weights.safetensors`.

    A stage or runtime that calls `module` adds `TorchModel.requirements` to its own.

    Class attributes:
        requirements: what `module` imports.
        loader: who rebuilds the module, as `package.module:function`, called with the artifact's folder. A name and
            not an import, as the contract imports no plugin; a kind with a recipe of its own names its own.
    """

    kind = "torch"
    main = "weights.safetensors"
    requirements: ClassVar[tuple[str, ...]] = ("torch>=2.6", "timm>=1.0.24", "safetensors>=0.5", "numpy>=2")
    loader: ClassVar[str] = "edgesmith_stages.models.recipe:build"

    def module(self) -> nn.Module:
        """Rebuild the network: float32 [N, C, H, W] as `InputContract.normalise` gives it, to float32 [N, classes].

        It is on the CPU, in eval mode, with the weights loaded; torch's global generator is left as it was.

        Raises:
            UserError: a file of the artifact is missing or damaged, or the weights don't fit the recipe.
        """
        from edgesmith.loading import load_object

        module: nn.Module = load_object(self.loader)(self.path)
        return module


@dataclass(frozen=True)
class OnnxModel(Model):
    """An ONNX file, `model.onnx`, with all weights inside."""

    kind = "onnx"
    main = "model.onnx"


@dataclass(frozen=True)
class TfliteModel(Model):
    """A TFLite flatbuffer, `model.tflite`."""

    kind = "tflite"
    main = "model.tflite"


@dataclass(frozen=True)
class CoreMLModel(Model):
    """A Core ML ML Program package, `model.mlpackage`."""

    kind = "coreml"
    main = "model.mlpackage"


@dataclass(frozen=True)
class Report(Artifact):
    """Figures: `report.json`, any JSON document."""

    kind = "report"

    def read(self) -> dict[str, Any]:
        """Return the report's document."""
        try:
            document = json.loads((self.path / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"the report in {self.path} cannot be read: {error}") from error
        return dict(document)


BUILTIN_KINDS: tuple[type[Artifact], ...] = (TorchModel, OnnxModel, TfliteModel, CoreMLModel, Report)
