"""The `qat` stage: int8 that the weights were trained for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from edgesmith import Context, Stage, Toolchain, TorchModel, UserError
from edgesmith.calibration import too_many
from edgesmith_stages.quantize.torch_pt2e.artifact import RESOLVED, TORCHAO, QuantizedTorchModel, refuse
from edgesmith_stages.train import REQUIREMENTS
from edgesmith_stages.training.options import TrainingOptions, TuningOptions

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import Dataset
    from edgesmith_stages.training.data import TrainingData
    from edgesmith_stages.training.losses import Loss


class Qat(Stage):
    """Fine-tune a torch model with its weights and activations rounded to int8 (PT2E, torchao), and quantise it so.

    Branches and BatchNorm are merged into the convolutions first, so that what is trained is what runs. Ranges start
    from calibration images, follow the training batches, and stay fixed in the last epochs. The exports carry the
    result to ONNX and TFLite without calibrating again.

    Figures: top-1 on val of the model that came in (`top1_float`), quantised without training (`top1_static`), and of
    the result in int8 (`top1`); `loss`, `epochs`; `sqnr_db`, `rel_l2`, `agreement` against the model that came in on
    its golden images; `int8_weights`, `int8_activations`; `bytes`, `ratio`.
    """

    name = "qat"
    inputs = {"model": TorchModel}
    outputs = {"model": QuantizedTorchModel}
    requirements = (*REQUIREMENTS, *TORCHAO)

    class Params(TuningOptions):
        """What stays in float, and how to train."""

        epochs: int = Field(default=3, ge=1, description="passes over the training images")
        lr: float = Field(default=1e-4, gt=0, description="highest learning rate, reached after the warm-up")
        calibration: int = Field(default=128, ge=1, description="images that the first ranges follow from")
        fixed_epochs: int = Field(default=1, ge=0, description="last epochs, in which ranges stay as they are")
        exclude: tuple[str, ...] | None = Field(default=None, description="operators to leave in float, such as `add`")
        distill: bool = Field(default=True, description="listen to the float model's answers, too")
        temperature: float = Field(default=4.0, gt=0, description="of distilling: softens both sides")
        alpha: float = Field(default=0.7, ge=0, le=1, description="of distilling: weight of the float model")

        @model_validator(mode="after")
        def _check_average(self) -> Qat.Params:
            if self.ema_decay is not None:
                raise ValueError("`ema_decay` does not go with ranges that are learned: leave it out")
            return self

        @property
        def training(self) -> TrainingOptions:
            """The options of training."""
            return TrainingOptions(**{name: getattr(self, name) for name in TrainingOptions.model_fields})

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """torchao, as of a date."""
        return Toolchain(cls.requirements, exclude_newer=RESOLVED)

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse models that are quantised already, and calibration without enough images."""
        refuse(kinds["model"][0], "`qat`", "fine-tune the float model")
        count = datasets["data"].count("train") if "data" in datasets else None
        if count is not None and params.calibration > count:
            raise too_many(params.calibration, count, params.data.name)

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Calibrate, train, write, and score what was written."""
        from edgesmith import write_golden
        from edgesmith.artifacts import CONTRACT_FILE
        from edgesmith.calibration import load
        from edgesmith.parity import Parity
        from edgesmith_stages.models.recipe import build, logits
        from edgesmith_stages.prune import score
        from edgesmith_stages.quantize.torch_pt2e.graph import count
        from edgesmith_stages.quantize.torch_pt2e.static import ready, write
        from edgesmith_stages.quantize.torch_pt2e.tune import calibrated, tuned
        from edgesmith_stages.training.setting import repeatable

        source, made = inputs["model"], QuantizedTorchModel(ctx.out("model"))
        contract = source.contract
        data = _data(ctx, source, params)
        images = load(ctx, params.data, contract, params.calibration)
        module, recipe, step = ready(source, params.exclude or ())
        with repeatable(params.threads):
            figures: dict[str, Any] = {"top1_float": score(module, data)}
            start, static = calibrated(ctx, module, step, contract, images, params)
            figures["top1_static"] = score(static, data)
        graph, told = tuned(ctx, module, step, start, self._loss(source, params), data, params)
        figures |= {**told, **count(graph)}
        write(made, graph, recipe.then(step))
        contract.write(made.path / CONTRACT_FILE)
        result, pixels = build(made.path), source.golden()[0]
        answers = logits(result, contract, pixels)
        write_golden(made.path, pixels, answers)
        with repeatable(params.threads):
            figures["top1"] = score(result, data)
        figures |= Parity.of(source.golden()[1], answers).figures()
        return {**figures, "bytes": made.bytes(), "ratio": made.bytes() / source.bytes()}

    def _loss(self, source: TorchModel, params: Any) -> Loss:
        from edgesmith_stages.models.recipe import build
        from edgesmith_stages.training.device import pick_device
        from edgesmith_stages.training.losses import cross_entropy, soft_targets

        if not params.distill:
            return cross_entropy
        device = pick_device(params)
        teacher: nn.Module = build(source.path).to(device.torch, memory_format=device.memory_format)
        return soft_targets(teacher, params.temperature, params.alpha)


def _data(ctx: Context, source: TorchModel, params: Any) -> TrainingData:
    from edgesmith_stages.training.data import TrainingData

    dataset = ctx.dataset(params.data)
    if tuple(dataset.classes) != source.contract.classes:
        raise UserError(
            f"the model has {len(source.contract.classes)} classes that are not the {len(dataset.classes)} of the "
            f"dataset {params.data.name!r}",
            hint="fine-tune on the dataset that the model was trained on",
        )
    return TrainingData.open(dataset, source.contract, params.training)
