"""The `teacher-logits` stage: a teacher is asked once, and not in every epoch of every student."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from edgesmith import Cancelled, Context, DatasetRef, Model, Stage, StageFailed, Toolchain, TorchModel, UserError
from edgesmith_stages.distillation.artifact import TeacherLogits
from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel
from edgesmith_stages.train import REQUIREMENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Dataset, InputContract
    from edgesmith_stages.distillation.watch import Recorded

    Ask = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class AskTeacher(Stage):
    """Write a teacher's logits for every image of a dataset's train split, for `distill` to learn from.

    The teacher is a model of any format that has a runtime here. It sees each image as its own input contract says,
    without augmentation. Torch models are run as training runs them (`device`, `precision`), others by their runtime.
    Where a file gives probabilities, their logarithms stand for logits.

    Figures: `images`; `top1` (and `top5`) on them, where they have labels; `bytes`.
    """

    name = "teacher-logits"
    inputs = {"model": Model}
    outputs = {"logits": TeacherLogits}
    runs_models = True

    class Params(Stage.Params):
        """What to ask about; the rest as `distill` has it, so that its own teacher would give the same numbers."""

        data: DatasetRef = Field(
            default=DatasetRef(name="digits"), description="dataset whose train split to ask about"
        )
        batch_size: int = Field(default=32, ge=1, description="images at once; another number gives other roundings")
        device: Literal["auto", "cpu", "cuda"] = Field(
            default="auto", description="of a torch model; auto: CUDA where there is one"
        )
        precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
            default="auto", description="of a torch model; auto: mixed on CUDA, float32 on the CPU"
        )
        channels_last: bool = Field(default=False, description="of a torch model")
        threads: int = Field(default=2, ge=1, description="threads of the CPU; another number gives other roundings")

    @classmethod
    def toolchain(cls, params: Any, kinds: Mapping[str, Any]) -> Toolchain:
        """Training's libraries for a torch model; others run in processes of their own."""
        return Toolchain(REQUIREMENTS if _in_torch(kinds["model"][0]) else ("numpy>=2", "pillow", "safetensors>=0.5"))

    @classmethod
    def check(cls, params: Any, kinds: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> None:
        """Refuse a train split that is known to be empty."""
        if "data" in datasets and datasets["data"].count("train") == 0:
            raise UserError(f"the dataset {params.data.name!r} has no image to train on")

    def run(self, ctx: Context, inputs: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """Ask about every image, and write the answers."""
        import numpy as np

        from edgesmith.artifacts import CONTRACT_FILE
        from edgesmith_stages.distillation.artifact import Answers, plain
        from edgesmith_stages.distillation.watch import Recorded
        from edgesmith_stages.scoring import accuracy

        model: Model = inputs["model"]
        contract, dataset = model.contract, ctx.dataset(params.data)
        classes, split = tuple(dataset.classes), Recorded(dataset.split("train"), contract.color)
        if classes and classes != contract.classes:
            raise UserError(
                f"the model has {len(contract.classes)} classes that are not the {len(classes)} of the dataset "
                f"{params.data.name!r}",
                hint="ask about the dataset that the model was trained on",
            )
        with self._asked(ctx, model, params) as ask:
            logits = self._answers(ctx, ask, split, contract, params.batch_size)
        if contract.output == "probabilities":
            logits = np.log(np.maximum(logits, np.finfo(np.float32).eps))
        out = ctx.out("logits")
        Answers(logits, split.digests, split.labels.astype(np.int64)).write(out)
        plain(contract).write(out / CONTRACT_FILE)
        size = sum(file.stat().st_size for file in out.iterdir())
        return {**accuracy(logits, split.labels), "images": len(split), "bytes": size}

    def _answers(
        self, ctx: Context, ask: Ask, split: Recorded, contract: InputContract, size: int
    ) -> NDArray[np.float32]:
        """Return the outputs for all images, float32 [N, classes]."""
        import numpy as np

        from edgesmith_stages.training.examples import Examples

        parts: list[NDArray[np.float32]] = []
        for pixels, _ in Examples(split, contract).batches(range(len(split)), size):
            if ctx.cancelled:
                raise Cancelled("asking the teacher was interrupted")
            # Always a whole batch: the number of images decides roundings, and training has whole ones only.
            whole = np.concatenate([pixels, np.repeat(pixels[-1:], size - len(pixels), axis=0)])
            parts.append(ask(whole)[: len(pixels)])
            ctx.progress(size * (len(parts) - 1) + len(pixels), len(split))
        outputs = np.ascontiguousarray(np.concatenate(parts), np.float32)
        odd = np.flatnonzero(~np.isfinite(outputs).all(axis=1))
        if len(odd):
            raise StageFailed(
                f"the teacher's answers to {len(odd)} of {len(split)} images hold infinity or no number, the first to "
                f"image {odd[0]} of the train split",
                hint="a file in half precision may overflow: take the float file as the teacher",
            )
        return outputs

    @contextmanager
    def _asked(self, ctx: Context, model: Model, params: Any) -> Iterator[Ask]:
        """Yield a function from pixels, uint8 [N, H, W, C], to the file's outputs, float32 [N, classes]."""
        if not _in_torch(type(model)):
            with ctx.open(model, threads=params.threads) as process:
                yield lambda pixels: process.predict(pixels, params.batch_size)
            return
        import torch

        from edgesmith_stages.models.recipe import build
        from edgesmith_stages.training.device import pick_device
        from edgesmith_stages.training.setting import repeatable

        device = pick_device(params)
        network = build(model.path).to(device.torch, memory_format=device.memory_format)

        def ask(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            images = torch.from_numpy(model.contract.normalise(pixels))
            mixed = torch.autocast(device.torch.type, dtype=device.autocast, enabled=device.autocast is not None)
            with torch.no_grad(), mixed:
                logits = network(images.to(device.torch, memory_format=device.memory_format))
            answer: NDArray[np.float32] = logits.float().cpu().numpy()
            return answer

        with repeatable(params.threads):
            yield ask


def _in_torch(kind: type[Any]) -> bool:
    """Tell whether a kind is run in this process, as training would run it."""
    return issubclass(kind, TorchModel) and not issubclass(kind, QuantizedTorchModel)
