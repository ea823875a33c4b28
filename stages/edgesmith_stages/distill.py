"""The `distill` stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from edgesmith import Context, InputContract, Stage, TorchModel, UserError
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.train import REQUIREMENTS
from edgesmith_stages.training.network import NetworkOptions, check_model, recipe_of, size_of

if TYPE_CHECKING:
    from edgesmith import Dataset


class Distill(Stage):
    """Train a student on a teacher's soft targets (Hinton, Vinyals and Dean, 2015) and on the labels.

    The student takes over the teacher's input contract, at its own image size if it has one.
    """

    name, version = "distill", "1"
    inputs = {"teacher": TorchModel}
    outputs = {"model": TorchModel}
    requirements = REQUIREMENTS

    class Params(NetworkOptions):
        """The student, how it listens to the teacher, and how it is trained."""

        temperature: float = Field(default=4.0, gt=0, description="softens both sides' probabilities")
        alpha: float = Field(default=0.7, ge=0, le=1, description="weight of the teacher; the labels have the rest")

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised."""
        refuse(kinds["teacher"][0], "`distill`", "take the float model as the teacher")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Train the student, and write it."""
        check_model(params.model, ctx.model_sources)
        from edgesmith_stages.models.recipe import build, create, save
        from edgesmith_stages.models.size import count_params
        from edgesmith_stages.training.data import TrainingData
        from edgesmith_stages.training.device import pick_device
        from edgesmith_stages.training.loop import fit
        from edgesmith_stages.training.losses import soft_targets
        from edgesmith_stages.training.setting import seed_all

        dataset = ctx.dataset(params.data)
        teacher_contract: InputContract = inputs["teacher"].contract
        if tuple(dataset.classes) != teacher_contract.classes:
            raise UserError(
                f"the teacher's classes are not those of the dataset {params.data.name!r}: "
                f"{_some(teacher_contract.classes)} and {_some(tuple(dataset.classes))}",
                hint="distil on the dataset that the teacher was trained on",
            )
        size = teacher_contract.size if params.image_size is None else size_of(params.image_size, {})
        contract = teacher_contract.model_copy(update={"size": size})
        recipe = recipe_of(params, len(contract.classes), size, ctx.model_sources)
        device = pick_device(params)
        teacher = build(inputs["teacher"].path).to(device.torch, memory_format=device.memory_format)
        seed_all(ctx.seed)
        student = create(recipe)
        data = TrainingData.open(dataset, contract, params)
        loss = soft_targets(_at_size(teacher, teacher_contract.size, size), params.temperature, params.alpha)
        result = fit(ctx, student, loss, data, params)
        save(ctx.out("model"), student, recipe, contract, data.golden())
        return {**result.figures(), "params": count_params(student)}


def _at_size(teacher: Any, own: tuple[int, int], given: tuple[int, int]) -> Any:
    """Return the teacher as a function of the student's images."""
    if own == given:
        return teacher

    def resized(images: Any) -> Any:
        from torch.nn import functional

        return teacher(functional.interpolate(images, size=own, mode="bilinear", antialias=True))

    return resized


def _some(classes: tuple[str, ...]) -> str:
    listed = ", ".join(classes[:5])
    return f"{len(classes)} ({listed}, ...)" if len(classes) > 5 else f"{len(classes)} ({listed})"
