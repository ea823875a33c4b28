"""The `evaluate` stage: accuracy on real images, and likeness to a reference, for any model that has a runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import (
    Context,
    DatasetRef,
    Model,
    Report,
    RuntimeUnavailable,
    Stage,
    StageFailed,
    TorchModel,
    UserError,
    many,
    optional,
)
from edgesmith.dataset import Dataset, SplitName
from edgesmith_stages.answers import Answers, answers_of, right_outputs
from edgesmith_stages.images import Images
from edgesmith_stages.mistakes import sections

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Evaluate(Stage):
    """Evaluate models: top-1, top-5, top-1 agreement with a reference model, and SQNR of the outputs in dB.

    The reference is the node connected to `reference`, else the first torch model among `models`. A model without a
    runtime on this machine, or without one of the dataset's classes, keeps its line, with the reason as its status.
    Classes are matched by name where both sides have names; a model of other classes than the reference isn't compared
    with it. The report holds each model's confusions, and the images that the reference gets right and the model
    doesn't.
    """

    name, version = "evaluate", "1"
    inputs = {"models": many(Model), "reference": optional(Model)}
    outputs = {"report": Report}
    requirements = ("numpy", "pillow")
    runs_models = True

    class Params(Stage.Params):
        """What to evaluate on."""

        data: DatasetRef = Field(default=DatasetRef(name="digits"), description="dataset to score on")
        split: SplitName = Field(default="val", description="which of its splits")
        limit: int | None = Field(default=None, ge=1, description="use no more images, drawn by seed, stratified")
        batch: int = Field(default=32, ge=1, description="images at once, where the model's file allows it")
        threads: int = Field(default=2, ge=1, description="threads that a model runs on")

    @classmethod
    def check(cls, params: Any, kinds: Any, datasets: Mapping[str, Dataset]) -> None:
        """Refuse a split that is known to be empty."""
        if datasets["data"].count(params.split) == 0:
            raise UserError(f"the dataset {params.data.name!r} has no image in its split {params.split!r}")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Run every model over the split and score it."""
        images = Images(ctx, params.data, params.split, params.limit)
        models: list[Model] = inputs["models"]
        reference = inputs["reference"] or next((m for m in models if isinstance(m, TorchModel)), None)
        expected = None if reference is None else self._expected(ctx, reference, images, params)
        rows: list[dict[str, Any]] = []
        answers: dict[int, Answers] = {}
        for done, model in enumerate(models):
            ctx.progress(done, len(models))
            row, outputs = self._row(ctx, model, images, params, reference, expected)
            rows.append(row)
            if outputs is not None:
                answers[done] = answers_of(outputs, model.contract, images)
        ctx.progress(len(models), len(models))
        figures = {"models": rows, "images": images.count}
        wanted = None if reference is None or expected is None else answers_of(expected, reference.contract, images)
        folder = ctx.out("report")
        report = {
            **figures,
            "data": params.data.name,
            "split": params.split,
            "digests": [model.digest for model in models],
            "sections": sections(folder, answers, images, wanted),
        }
        text = json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        return figures

    def _expected(self, ctx: Context, reference: Model, images: Images, params: Any) -> NDArray[np.float32] | None:
        """Return the reference's outputs; None if it can't be run: the models keep their accuracy."""
        try:
            return outputs_of(ctx, reference, images, params)
        except (RuntimeUnavailable, StageFailed) as error:
            ctx.log.warning("the reference can't be run, and nothing is compared with it: %s", error)
            if isinstance(error, StageFailed):
                ctx.provisional(f"the reference failed: {error.message.splitlines()[0]}")
            return None

    def _row(
        self,
        ctx: Context,
        model: Model,
        images: Images,
        params: Any,
        reference: Model | None,
        expected: NDArray[np.float32] | None,
    ) -> tuple[dict[str, Any], NDArray[np.float32] | None]:
        """Return a model's figures, and its outputs unless it could not be run."""
        row: dict[str, Any] = {"bytes": model.bytes(), "status": "ok"}
        try:
            same = reference is not None and model.path == reference.path and expected is not None
            outputs = expected if same and expected is not None else outputs_of(ctx, model, images, params)
        except RuntimeUnavailable as reason:
            return {**row, "status": f"not run: {reason.message}"}, None
        except StageFailed as error:
            ctx.log.warning("%s", error)
            # Nobody can tell here whether the model is at fault or the machine was short of memory for a moment.
            status = f"failed: {error.message.splitlines()[0]}"
            ctx.provisional(status)
            return {**row, "status": status}, None
        try:
            row.update(scores(outputs, model, images))
        except UserError as error:
            ctx.log.warning("%s", error)
            return {**row, "status": f"failed: {error.message.splitlines()[0]}"}, None
        if expected is not None and reference is not None:
            from edgesmith_stages.scoring import likeness

            try:
                row.update(likeness(outputs, model.contract, expected, reference.contract))
            except UserError as reason:
                row["status"] = f"scored, but not compared: {reason.message}"
        return row, outputs


def outputs_of(ctx: Context, model: Model, images: Images, params: Any) -> NDArray[np.float32]:
    """Run a model over all images in a fresh process; return float32 [N, classes]."""
    with ctx.open(model, threads=params.threads) as process:
        return process.predict(images.pixels(model.contract), batch=params.batch)


def scores(outputs: NDArray[np.float32], model: Model, images: Images) -> dict[str, float]:
    """Return accuracy figures.

    Raises:
        UserError: the model lacks classes of the dataset.
    """
    from edgesmith_stages.scoring import accuracy

    labels, known = right_outputs(images, model.contract), len(images.classes)
    if known and outputs.shape[1] < known:
        raise UserError(
            f"the model has {outputs.shape[1]} classes and the dataset {known}",
            hint="evaluate on the dataset that the model was trained on",
        )
    return accuracy(outputs, labels)
