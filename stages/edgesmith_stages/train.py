"""The `train` stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from edgesmith import Context, FileRef, Stage, TorchModel, UserError
from edgesmith_stages.training.network import (
    InputOptions,
    check_model,
    contract_of,
    departures,
    recipe_of,
    size_of,
    timm_config,
)

REQUIREMENTS = ("torch>=2.6", "torchvision", "timm>=1.0.24", "safetensors>=0.5", "numpy>=2", "pillow")
"""What training imports."""


class Train(Stage):
    """Train a classifier, any of timm's or of a model source's, on a dataset.

    It starts from random weights, from timm's published ones (`pretrained`) or from a file (`checkpoint`).
    """

    name, version = "train", "1"
    outputs = {"model": TorchModel}
    requirements = REQUIREMENTS

    class Params(InputOptions):
        """What to train, on what, and how."""

        pretrained: bool = Field(default=False, description="start from the weights that timm publishes")
        checkpoint: FileRef | None = Field(
            default=None, description="start from this file: safetensors, or a state dict saved by torch"
        )

        @model_validator(mode="after")
        def _check_start(self) -> Train.Params:
            if self.pretrained and self.checkpoint:
                raise ValueError("`pretrained` and `checkpoint` exclude each other")
            return self

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Train, and write the model."""
        check_model(params.model, ctx.model_sources)
        from edgesmith_stages.models.recipe import create, save
        from edgesmith_stages.models.size import count_params
        from edgesmith_stages.training.data import TrainingData
        from edgesmith_stages.training.first_image import check_runs
        from edgesmith_stages.training.first_weights import from_checkpoint, pretrained
        from edgesmith_stages.training.loop import fit
        from edgesmith_stages.training.losses import cross_entropy
        from edgesmith_stages.training.setting import seed_all

        dataset = ctx.dataset(params.data)
        classes = tuple(dataset.classes)
        if len(classes) < 2:
            raise UserError(
                f"the dataset {params.data.name!r} has {len(classes)} classes; a classifier needs two or more",
                hint="`random` has no labels: it is for latency alone" if not classes else None,
            )
        size = size_of(params.image_size, timm_config(params.model))
        recipe = recipe_of(params, len(classes), size, ctx.model_sources)
        contract = contract_of(params, classes, size, bool(params.pretrained or params.checkpoint))
        seed_all(ctx.seed)
        if params.pretrained:
            for departure in departures(params):
                ctx.log.warning("%s", departure)
            module = pretrained(recipe)
        elif params.checkpoint:
            module = from_checkpoint(ctx, recipe, Path(params.checkpoint))
        else:
            module = create(recipe)
        check_runs(module, params, contract)
        data = TrainingData.open(dataset, contract, params)
        result = fit(ctx, module, cross_entropy, data, params)
        save(ctx.out("model"), module, recipe, contract, data.golden())
        return {**result.figures(), "params": count_params(module)}
