"""The training loop, the only one: `train`, `distill` and the fine-tuning after pruning all run it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import Cancelled, Context, UserError
from edgesmith.errors import unknown
from edgesmith.sections import MOST_POINTS, Curves
from edgesmith_stages.training.checkpoint import read_checkpoint, write_checkpoint
from edgesmith_stages.training.device import Device, pick_device
from edgesmith_stages.training.setting import repeatable, seed_all

if TYPE_CHECKING:
    from edgesmith_stages.training.data import TrainingData
    from edgesmith_stages.training.losses import Loss
    from edgesmith_stages.training.options import TrainingOptions


@dataclass(frozen=True)
class Fit:
    """How training went: by epoch, top-1 on val after it and its mean loss."""

    top1: tuple[float, ...]
    loss: tuple[float, ...]

    def figures(self) -> dict[str, Any]:
        """Return the figures that a stage reports: those of the last epoch, and the curves."""
        curves = {"loss": self.loss[-MOST_POINTS:], "top-1": self.top1[-MOST_POINTS:]}
        first = len(self.loss) - len(curves["loss"]) + 1
        at = None if first == 1 else tuple(map(float, range(first, len(self.loss) + 1)))
        section = Curves(title="training", x="epoch", at=at, curves=curves)
        figures = {"top1": self.top1[-1], "loss": self.loss[-1], "epochs": len(self.loss)}
        return {**figures, "sections": [section.document()]}


def fit(ctx: Context, module: Any, loss: Loss, data: TrainingData, options: TrainingOptions) -> Fit:
    """Train a module in place; it ends on the CPU, in eval mode, with the averaged weights where EMA is on.

    After every epoch the whole state goes to `ctx.scratch`; a run that finds it there goes on from it, and ends with
    the same bytes as one that was never stopped. Every epoch seeds all generators itself, so none needs saving.

    Args:
        ctx: for seed, scratch, progress and cancellation.
        module: a classifier, float32.
        loss: what to minimise.
        data: what to train on.
        options: how.

    Raises:
        UserError: the optimizer is unknown, CUDA is not there, or the loss is not finite.
        Cancelled: the run was interrupted.
    """
    import torch

    with repeatable(options.threads):
        device = pick_device(options)
        module.to(device.torch, memory_format=device.memory_format)
        trainee = Trainee(module, device, data, options)
        identity = _identity(ctx, module, data, options)
        begin, past = trainee.resume(read_checkpoint(ctx.scratch, identity))
        if begin:
            ctx.log.info("going on after epoch %d of %d", begin, options.epochs)
        for epoch in range(begin, options.epochs):
            mean = trainee.run_epoch(ctx, loss, epoch)
            top1 = data.score(trainee.result, device.torch, device.memory_format)
            past["top1"].append(round(top1, 6))
            past["loss"].append(round(mean, 6))
            trainee.shown = {"top1": round(top1, 4)}
            write_checkpoint(ctx.scratch, {"identity": identity, **trainee.state(epoch + 1, past)})
            done, total = (epoch + 1) * data.steps, options.epochs * data.steps
            ctx.progress(done, total, epoch=epoch + 1, loss=round(mean, 4), **trainee.shown)
            ctx.log.info("epoch %d/%d: loss %.4f, top-1 %.4f", epoch + 1, options.epochs, mean, top1)
        if trainee.result is not module:
            module.load_state_dict(trainee.result.state_dict())
        module.to("cpu", memory_format=torch.contiguous_format).eval()
    return Fit(tuple(past["top1"]), tuple(past["loss"]))


class Trainee:
    """A module with all that changes while it is trained."""

    def __init__(self, module: Any, device: Device, data: TrainingData, options: TrainingOptions) -> None:
        import torch
        from timm.scheduler import create_scheduler_v2
        from timm.utils import ModelEmaV3

        self.module, self.device, self.data, self.options = module, device, data, options
        self.optimizer = make_optimizer(module, options)
        self.scheduler, _ = create_scheduler_v2(
            self.optimizer,
            sched="cosine",
            num_epochs=options.epochs,
            warmup_epochs=min(options.warmup_epochs, options.epochs / 2),
            warmup_lr=options.lr / 100,
            min_lr=min(options.min_lr, options.lr),
            step_on_epochs=False,
            updates_per_epoch=data.steps,
        )
        self.ema = ModelEmaV3(module, decay=options.ema_decay, use_warmup=True) if options.ema_decay else None
        self.scaler = torch.amp.GradScaler(device.torch.type, enabled=device.scales)
        self.shown: dict[str, float] = {}

    @property
    def result(self) -> Any:
        """The module whose weights training gives."""
        return self.ema.module if self.ema else self.module

    def run_epoch(self, ctx: Context, loss: Loss, epoch: int) -> float:
        """Train for one epoch and return its mean loss."""
        import torch

        seed_all(ctx.seed, epoch)
        self.module.train()
        steps, total, values = self.data.steps, self.options.epochs * self.data.steps, 0.0
        for step, (images, targets, *beside) in enumerate(self.data.epoch(ctx.seed, epoch)):
            if ctx.cancelled:
                raise Cancelled(f"training was interrupted in epoch {epoch + 1}; it goes on from its last whole epoch")
            images = images.to(self.device.torch, memory_format=self.device.memory_format)
            targets = targets.to(self.device.torch)
            with torch.autocast(
                self.device.torch.type, dtype=self.device.autocast, enabled=self.device.autocast is not None
            ):
                logits = self.module(images)
                # Some of timm's distilled models answer with one output per head while they train.
                logits = logits[0] if isinstance(logits, tuple | list) else logits
                value = loss(logits, images, targets, *(rows.to(self.device.torch) for rows in beside))
            figure = float(value.item())
            if not math.isfinite(figure):
                raise UserError(
                    f"the loss is {figure} at step {step + 1} of epoch {epoch + 1}",
                    hint=f"try a lower `lr` (it is {self.options.lr:g}), a longer `warmup_epochs`, a smaller "
                    "`clip_grad` or `precision: float32`",
                )
            self._update(value, epoch * steps + step + 1)
            values += figure
            done = epoch * steps + step + 1
            ctx.progress(done, total, epoch=epoch + 1, loss=round(values / (step + 1), 4), **self.shown)
        return values / steps

    def _update(self, value: Any, updates: int) -> None:
        import torch

        self.optimizer.zero_grad()
        self.scaler.scale(value).backward()
        if self.options.clip_grad is not None:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.options.clip_grad)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step_update(updates)
        if self.ema:
            self.ema.update(self.module, step=updates)

    def state(self, epochs: int, past: dict[str, list[float]]) -> dict[str, Any]:
        """Return everything that the next epoch depends on, and the figures of those done."""
        return {
            "epochs": epochs,
            "past": past,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema else None,
            "scaler": self.scaler.state_dict(),
        }

    def resume(self, state: dict[str, Any] | None) -> tuple[int, dict[str, list[float]]]:
        """Take over a state; return the epochs it had done and, by name, their figures."""
        if state is None:
            return 0, {"top1": [], "loss": []}
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.ema:
            self.ema.module.load_state_dict(state["ema"])
        # The schedule has no memory of its own: it gives the learning rate of any step.
        self.scheduler.step_update(state["epochs"] * self.data.steps)
        return int(state["epochs"]), {name: list(values) for name, values in state["past"].items()}


def make_optimizer(module: Any, options: TrainingOptions) -> Any:
    """Create timm's optimizer; raise UserError for an unknown name."""
    from timm.optim import create_optimizer_v2, list_optimizers

    known = list_optimizers()
    if options.optimizer not in known:
        raise UserError(unknown("optimizer", options.optimizer, known))
    return create_optimizer_v2(module, opt=options.optimizer, lr=options.lr, weight_decay=options.weight_decay)


def _identity(ctx: Context, module: Any, data: TrainingData, options: TrainingOptions) -> str:
    shapes = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    text = repr((ctx.seed, options.model_dump_json(), data.contract.model_dump_json(), len(data.train), shapes))
    return hashlib.sha256(text.encode()).hexdigest()
