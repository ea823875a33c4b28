"""The `bundle` stage: a folder that an app team takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import (
    Context,
    CoreMLModel,
    Model,
    OnnxModel,
    Report,
    Stage,
    TfliteModel,
    Toolchain,
    UserError,
    many,
    optional,
)
from edgesmith.dataset import Dataset
from edgesmith_stages.bundling.artifact import PREPROCESS, Bundle
from edgesmith_stages.bundling.text import KOTLIN_WORDS, PACKAGE, identifier, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract

READERS: Mapping[type[Model], tuple[str, ...]] = {
    OnnxModel: ("onnx>=1.20",),
    TfliteModel: ("ai-edge-litert>=2.3",),
    CoreMLModel: ("coremltools>=9.0,<9.1", "protobuf"),
}
"""By kind, what reads a file's signature."""


class MakeBundle(Stage):
    """Bundle a model for an app: its file, labels, preprocessing, a golden pair, a model card and a wrapper in Swift
    (Core ML) or Kotlin (LiteRT, ONNX Runtime), with a program that replays the golden pair.

    The expected output is the file's own, run here on the model's golden images and on one of noise. The card holds the
    figures of `reports`, as far as these are about the model.

    Figures: `sqnr_db` and `agreement` against the source model, on the golden images; `caught`, by mistake that an app
    could make, whether the check notices it; `bytes` of the model.
    """

    name, version = "bundle", "1"
    inputs = {"model": OnnxModel | TfliteModel | CoreMLModel, "reports": optional(many(Report))}
    outputs = {"bundle": Bundle}
    requirements = ("numpy>=2", "pillow>=11", "jinja2>=3.1", "safetensors>=0.5")
    runs_models = True

    class Params(Stage.Params):
        """What the bundle is called and says."""

        name: str = Field("model", min_length=1, max_length=100, description="the model's name; types are named by it")
        package: str = Field("edgesmith.bundle", pattern=PACKAGE, description="package of the Kotlin sources")
        images: int = Field(2, ge=1, description="golden images to take, as far as the model has them")
        tolerance: float = Field(
            0.1, gt=0, lt=1, description="how far an output may be off, as a part of the image's largest one"
        )
        author: str = Field("", description="for the model card [default for Core ML: the package's]")
        license: str = Field("", description="for the model card [default for Core ML: the package's]")
        version: str = Field("", description="for the model card [default for Core ML: the package's]")
        description: str = Field("", description="for the model card [default for Core ML: the package's]")

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """With what reads the model's format."""
        given = kinds.get("model", ())
        readers = [names for kind, names in READERS.items() if any(issubclass(one, kind) for one in given)]
        return Toolchain((*cls.requirements, *(name for names in readers for name in names)))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse a package's name that is no name in Kotlin."""
        for part in params.package.split("."):
            if part in KOTLIN_WORDS:
                raise UserError(f"package: {part!r} is a keyword of Kotlin", hint="name that part otherwise")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Run the model on the golden images, and write the folder."""
        from edgesmith.parity import probe_images
        from edgesmith_stages.bundling import golden
        from edgesmith_stages.bundling.card import card
        from edgesmith_stages.bundling.check_program import distance
        from edgesmith_stages.bundling.document import describe, describe_tensor
        from edgesmith_stages.bundling.measured import measured
        from edgesmith_stages.bundling.signature import signature
        from edgesmith_stages.bundling.sources import sources
        from edgesmith_stages.scoring import likeness

        model: Model = inputs["model"]
        figures = measured(inputs["reports"] or [], model)
        found, contract, out = signature(model), model.contract, ctx.out("bundle")
        stored, logits = model.golden()
        originals = stored[: params.images]
        pixels = probe_images(contract, originals, ctx.seed, count=1)
        with ctx.open(model) as process:
            runtime = process.runtime
            outputs = process.predict(pixels, batch=1)
            astray = {name: process.predict(one, batch=1) for name, one in golden.mistakes(contract, pixels).items()}
        caught = {
            name: any(distance(*pair) > params.tolerance for pair in zip(outputs, one, strict=True))
            for name, one in astray.items()
        }
        for name in (name for name, noticed in caught.items() if not noticed):
            ctx.log.warning("the check would not notice an input that is %s: the answers hardly change", name)
        source = contract.model_copy(update={"output": "logits"})
        parity = likeness(outputs[: len(originals)], contract, logits[: params.images], source)
        classes = class_names(contract.classes, outputs)
        file = identifier(params.name) + model.file.suffix
        given = describe_tensor(found.input, contract)
        replay = golden.write(out, pixels, as_taken(pixels, contract, given), outputs)
        replay |= {"noise": replay["images"][len(originals) :], "tolerance": params.tolerance}
        contents = describe(params.name, model, file, found, classes, replay)
        copy(model.file, out / file)
        texts = {
            PREPROCESS: json.dumps(contents, indent=1, ensure_ascii=False) + "\n",
            "labels.txt": "".join(f"{one_line(name)}\n" for name in classes),
            "MODEL_CARD.md": card(contents, model, params, parity, runtime, len(originals), caught, figures),
            "check.py": check_source(),
            **sources(contents, params.package),
        }
        for name, text in texts.items():
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text(text, encoding="utf-8", newline="\n")
        return {**parity, "caught": caught, "bytes": model.bytes()}


def class_names(names: tuple[str, ...], outputs: NDArray[np.float32]) -> tuple[str, ...]:
    """Return one name per output; numbers where the contract names no classes.

    Raises:
        UserError: there are more or fewer names than outputs.
    """
    count = outputs.shape[1]
    if names and len(names) != count:
        raise UserError(f"the input contract names {len(names)} classes, and the model gives {count} outputs")
    return names or tuple(str(number) for number in range(count))


def as_taken(pixels: NDArray[np.uint8], contract: InputContract, given: dict[str, Any]) -> NDArray[Any]:
    """Return what the model file takes for pixels uint8 [N, H, W, C]; integers, if it is quantised at its input.

    Args:
        pixels: cropped images.
        contract: of the model.
        given: what `preprocess.json` says of the tensor.
    """
    from edgesmith_stages.bundling.check_program import preprocess

    return preprocess(pixels, given) if given["quantization"] else contract.feed(pixels)


def copy(source: Path, place: Path) -> None:
    """Copy a model file, or a package's folder, without the permissions of what may be read-only."""
    files = [file for file in source.rglob("*") if file.is_file()] if source.is_dir() else [source]
    for file in files:
        to = place / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)


def check_source() -> str:
    """Return the source of `check.py`."""
    import inspect

    from edgesmith_stages.bundling import check_program

    return inspect.getsource(check_program)
