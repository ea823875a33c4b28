"""The loss of a distillation, and the module that is trained with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesmith import TorchModel
from edgesmith_stages.distillation.teachers import Panel, seen_by

if TYPE_CHECKING:
    from torch import nn

    from edgesmith import Context, InputContract
    from edgesmith_stages.distillation.artifact import TeacherLogits
    from edgesmith_stages.distillation.params import ListeningOptions
    from edgesmith_stages.training.device import Device
    from edgesmith_stages.training.losses import Loss


def prepare(
    ctx: Context,
    student: nn.Module,
    teachers: Sequence[TorchModel | TeacherLogits],
    contract: InputContract,
    params: ListeningOptions,
    device: Device,
) -> tuple[Any, Loss]:
    """Return the module to train and its loss.

    The module is the student itself; with hints, one around it (see `hints.learner`).

    Args:
        ctx: of the run.
        student: the network that learns, on the CPU.
        teachers: in their order.
        contract: the student's.
        params: how it listens.
        device: where the teachers' networks go.

    Raises:
        UserError: hints name unknown layers.
    """
    from edgesmith_stages.models.recipe import build

    networks = [
        build(one.path).to(device.torch, memory_format=device.memory_format) if isinstance(one, TorchModel) else None
        for one in teachers
    ]
    voices: list[Any] = list(networks)
    trainee, hints = student, None
    if params.hints:
        first = next(index for index, network in enumerate(networks) if network is not None)
        trainee, voices[first] = hinted(ctx, student, networks[first], teachers[first].contract, contract, params)
        hints = trainee, voices[first]
    heard = tuple(
        None if voice is None else seen_by(voice, one.contract, contract)
        for voice, one in zip(voices, teachers, strict=True)
    )
    return trainee, listening(Panel(heard), params, hints)


def hinted(
    ctx: Context, student: nn.Module, teacher: Any, own: InputContract, given: InputContract, params: ListeningOptions
) -> tuple[Any, Any]:
    """Return the student with its projections, and the teacher as a `Tap`.

    Args:
        ctx: of the run.
        student: the network that learns.
        teacher: the network that gives hints.
        own: the teacher's contract.
        given: the student's.
        params: with `hints`.
    """
    from edgesmith_stages.distillation.features import widths
    from edgesmith_stages.distillation.hints import Tap, learner, pair

    pairs = pair(student, teacher, params.hints or "auto")
    ctx.log.info("hints: %s", ", ".join(f"{mine} <- {theirs}" for mine, theirs in pairs.items()))
    mine = widths(student, list(pairs), given.channels, given.size)
    theirs = widths(teacher, list(pairs.values()), own.channels, own.size)
    return learner(student, list(pairs), list(zip(mine, theirs, strict=True))), Tap(teacher, list(pairs.values()))


def listening(panel: Panel, params: ListeningOptions, hints: tuple[Any, Any] | None = None) -> Loss:
    """Return `alpha * T^2 * (KL or DKD) + (1 - alpha) * cross-entropy + hint_weight * distance of the hints`.

    Args:
        panel: the teachers.
        params: the weights.
        hints: what keeps the student's projected maps and what keeps the teacher's, as `maps`.
    """
    from edgesmith_stages.distillation.hints import distance
    from edgesmith_stages.training.losses import cross_entropy, decoupled, divergence, softened

    temperature, alpha = params.temperature, params.alpha

    def loss(logits: Any, images: Any, targets: Any, *cached: Any) -> Any:
        import torch

        with torch.no_grad():
            wanted = softened(panel(images, cached), temperature, params.teacher_weights)
        if params.loss == "dkd":
            soft = decoupled(logits, wanted, targets.argmax(1), temperature, *params.decoupling)
        else:
            soft = divergence(logits, wanted, temperature)
        total = alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(logits, images, targets)
        if hints is None:
            return total
        return total + (params.hint_weight or 1.0) * distance(hints[0].maps, hints[1].maps)

    return loss
