"""Stages that behave."""

from __future__ import annotations

import json

from edgesmith import (
    DatasetRef,
    FileRef,
    InputContract,
    Report,
    Stage,
    TargetRef,
    Toolchain,
    UserError,
    many,
    optional,
    write_golden,
)
from edgesmith.artifacts import CONTRACT_FILE

from .kinds import Essay, Sign, Text


class Gather(Stage):
    """Count the letters of several texts."""

    name, version = "gather", "1"
    inputs = {"texts": many(Text), "title": optional(Text)}
    outputs = {"report": Report}

    def run(self, ctx, inputs, params):
        rows = [{"letters": len(one.read())} for one in inputs["texts"]]
        title = inputs["title"].read() if inputs["title"] else None
        (ctx.out("report") / "report.json").write_text(json.dumps({"rows": rows, "title": title}))
        return {"texts": rows, "total": sum(row["letters"] for row in rows)}


class Pair(Stage):
    """Put one text behind another."""

    name, version = "pair", "1"
    inputs = {"first": Text, "second": Text}
    outputs = {"text": Text}

    def run(self, ctx, inputs, params):
        joined = inputs["first"].read() + inputs["second"].read()
        (ctx.out("text") / "text.txt").write_text(joined)
        return {"letters": len(joined)}


class Split(Stage):
    """Give a text's two halves."""

    name, version = "split", "1"
    inputs = {"text": Text}
    outputs = {"left": Text, "right": Essay}

    def run(self, ctx, inputs, params):
        text = inputs["text"].read()
        (ctx.out("left") / "text.txt").write_text(text[: len(text) // 2])
        (ctx.out("right") / "text.txt").write_text(text[len(text) // 2 :])


class Quote(Stage):
    """Write what a dataset or a file holds."""

    name, version = "quote", "1"
    outputs = {"text": Text}

    class Params(Stage.Params):
        data: DatasetRef | None = None
        file: FileRef | None = None

    @classmethod
    def check(cls, params, kinds, datasets):
        if not datasets and params.file is None:
            raise UserError("nothing to quote", hint="give `data` or `file`")

    def run(self, ctx, inputs, params):
        from pathlib import Path

        words = ctx.dataset(params.data).words() if params.data else [Path(params.file).read_text()]
        (ctx.out("text") / "text.txt").write_text(" ".join(words))
        return {"words": len(words)}


class Build(Stage):
    """Make a model."""

    name, version = "build", "1"
    outputs = {"model": Sign}
    requirements = ("numpy",)

    class Params(Stage.Params):
        factor: float = 2.0

    def run(self, ctx, inputs, params):
        import numpy as np

        folder = ctx.out("model")
        (folder / Sign.main).write_text(str(params.factor))
        InputContract(size=(4, 4), classes=("brightness",), normalised_by="model", dtype="uint8").write(
            folder / CONTRACT_FILE
        )
        pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
        write_golden(folder, pixels, pixels.reshape(2, -1).mean(axis=1, keepdims=True) * params.factor)
        return {"factor": params.factor}


class Tally(Stage):
    """Run models on a target and note what they say."""

    name, version = "tally", "1"
    inputs = {"models": many(Sign)}
    outputs = {"report": Report}
    runs_models = True
    measures = True

    class Params(Stage.Params):
        target: TargetRef = TargetRef(name="desk")
        lose: str = ""

    def run(self, ctx, inputs, params):
        rows = []
        if params.lose:
            ctx.provisional(params.lose)
        for model in inputs["models"]:
            pixels, logits = model.golden()
            with ctx.open(model, target=params.target) as process:
                same = process.predicts and abs(process.predict(pixels) - logits).max() < 1e-3
                rows.append({"top1": float(same)})
        (ctx.out("report") / "report.json").write_text(json.dumps(rows))
        return {"models": rows}


class Demand(Stage):
    """Say which version of a package its process has."""

    name, version = "demand", "1"
    outputs = {"text": Text}

    class Params(Stage.Params):
        package: str = "click"
        specifier: str = ""

    @classmethod
    def toolchain(cls, params, kinds):
        return Toolchain((params.package + params.specifier,), exclude_newer="2026-11-15")

    def run(self, ctx, inputs, params):
        import importlib
        from importlib.metadata import version

        importlib.import_module(params.package)
        (ctx.out("text") / "text.txt").write_text(version(params.package))
        return {"version": version(params.package)}
