"""Candidates in the form in which they will run: fused, and exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import Model, OnnxModel, TfliteModel, Toolchain, TorchModel, carry
from edgesmith_stages.export_onnx import ExportOnnx
from edgesmith_stages.fuse import Fuse, fused
from edgesmith_stages.runtimes.torch_runtime import REQUIREMENTS
from edgesmith_stages.tflite_backends.litert_torch import LitertTorch

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import Context
    from edgesmith_stages.models.recipe import Recipe


def requirements(kind: type[Model]) -> tuple[str, ...]:
    """Return what making files of a kind imports."""
    return ExportOnnx.requirements if issubclass(kind, OnnxModel) else REQUIREMENTS


def tools(kind: type[Model]) -> Mapping[str, Toolchain]:
    """Return what making files of a kind calls in environments of their own."""
    return LitertTorch.tools if issubclass(kind, TfliteModel) else {}


def deployed(ctx: Context, source: TorchModel, kind: type[Model], module: nn.Module, recipe: Recipe, to: Path) -> Model:
    """Fuse a module and export it, as the stages `fuse`, `export-onnx` and `export-tflite` do by default.

    Args:
        ctx: of the stage that asks.
        source: what the module was made from: contract and golden images.
        kind: the form: `TorchModel`, `OnnxModel` or `TfliteModel`.
        module: changed in place.
        recipe: its recipe.
        to: a folder, in which another one is made.
    """
    from edgesmith_stages.models.recipe import save

    plain = TorchModel(_emptied(to / "torch"))
    module, recipe = fused(module, recipe, source.contract, Fuse.Params())
    save(plain.path, module.eval(), recipe, source.contract, source.golden()[0])
    if issubclass(kind, OnnxModel):
        corner: Any = Corner(ctx, to / "onnx")
        ExportOnnx().run(corner, {"model": plain}, ExportOnnx.Params.model_validate({}))
        return OnnxModel(corner.out("model"))
    if issubclass(kind, TfliteModel):
        return _tflite(ctx, plain, TfliteModel(_emptied(to / "tflite")))
    return plain


def _tflite(ctx: Context, source: TorchModel, made: TfliteModel) -> TfliteModel:
    from edgesmith_stages.tflite_backends.request import Request

    contract = source.contract.model_copy(update={"batch": 1, "layout": "NHWC"})
    carry(source, made.path, contract)
    LitertTorch().export(Request(ctx, source, contract, made.file, "float", None), apart=True)
    return made


class Corner:
    """A stage's context, lent to another stage that it runs: outputs go to a folder, progress nowhere."""

    def __init__(self, ctx: Context, folder: Path) -> None:
        self._ctx, self._folder = ctx, folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def out(self, port: str) -> Path:
        """Return the folder of an output port."""
        folder = self._folder / port
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def progress(self, done: float, total: float, **figures: float | str) -> None:
        """Tell nobody."""


def _emptied(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
