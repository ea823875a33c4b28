"""The `distill` stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgesmith import Context, Stage, TorchModel, many
from edgesmith_stages.distillation.artifact import TeacherLogits
from edgesmith_stages.distillation.params import ListeningOptions, check_teachers
from edgesmith_stages.quantize.torch_pt2e.artifact import refuse
from edgesmith_stages.train import REQUIREMENTS
from edgesmith_stages.training.network import check_model, recipe_of, size_of

if TYPE_CHECKING:
    from edgesmith import Dataset


class Distill(Stage):
    """Train a student on what teachers say (Hinton, Vinyals and Dean, 2015) and on the labels.

    A teacher is a torch model, which is asked about every image as the student sees it, or what `teacher-logits` wrote.
    Several teachers' softened probabilities are averaged. With `hints`, the student's layers learn from the first torch
    teacher's, too. The student takes over the first teacher's input contract, at its own image size if it has one.
    """

    name, version = "distill", "1"
    inputs = {"teacher": many(TorchModel | TeacherLogits)}
    outputs = {"model": TorchModel}
    requirements = REQUIREMENTS

    class Params(ListeningOptions):
        """The student, how it listens to its teachers, and how it is trained."""

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised, and params that don't go with the teachers."""
        for kind in kinds["teacher"]:
            refuse(kind, "`distill`", "take the float model as the teacher, or cache its logits with `teacher-logits`")
        check_teachers(params, kinds["teacher"])

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Train the student, and write it."""
        check_model(params.model, ctx.model_sources)
        from edgesmith_stages.distillation.lesson import prepare
        from edgesmith_stages.distillation.teachers import check_teaching, with_cached
        from edgesmith_stages.models.recipe import create, save
        from edgesmith_stages.models.size import count_params
        from edgesmith_stages.training.data import TrainingData
        from edgesmith_stages.training.device import pick_device
        from edgesmith_stages.training.first_image import check_runs
        from edgesmith_stages.training.loop import fit
        from edgesmith_stages.training.setting import seed_all

        dataset, teachers = ctx.dataset(params.data), inputs["teacher"]
        first = teachers[0].contract
        size = first.size if params.image_size is None else size_of(params.image_size, {})
        contract = first.model_copy(update={"size": size})
        check_teaching(teachers, contract, dataset)
        recipe = recipe_of(params, len(contract.classes), size, ctx.model_sources)
        seed_all(ctx.seed)
        student = create(recipe)
        check_runs(student, params, contract)
        trainee, loss = prepare(ctx, student, teachers, contract, params, pick_device(params))
        data = with_cached(TrainingData.open(dataset, contract, params), teachers, dataset)
        result = fit(ctx, trainee, loss, data, params)
        save(ctx.out("model"), student, recipe, contract, data.golden())
        return {**result.figures(), "params": count_params(student)}
