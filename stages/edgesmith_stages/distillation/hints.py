"""Feature hints: a student learns to say what a teacher's layers say (Romero et al., 2015, arXiv:1412.6550)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgesmith import UserError
from edgesmith_stages.distillation.features import by_stride, check_layers, maps, watching

if TYPE_CHECKING:
    from torch import nn


def pair(student: nn.Module, teacher: nn.Module, hints: Mapping[str, str] | Literal["auto"]) -> dict[str, str]:
    """Return the layers to compare, the teacher's by the student's.

    Args:
        student: the network that learns.
        teacher: the network that gives hints.
        hints: the pairs, or `auto`: for each stride that both have, the last layers of the stages that end in it.

    Raises:
        UserError: a layer is unknown, or `auto` finds none.
    """
    if not isinstance(hints, str):
        check_layers(student, list(hints), "student")
        check_layers(teacher, list(hints.values()), "teacher")
        return dict(hints)
    own, other = by_stride(student), by_stride(teacher)
    pairs = {own[stride]: other[stride] for stride in own if stride in other}
    if not pairs:
        raise UserError(
            f"`hints: auto` finds no stages of equal stride: the student has {list(own)}, the teacher {list(other)}",
            hint="name the pairs: `hints: {layer of the student: layer of the teacher}`",
        )
    return pairs


class Tap:
    """A teacher that keeps what some of its layers gave.

    Attributes:
        maps: of the last images, each [N, C, H, W].
    """

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        self._network, self._layers = network, list(layers)
        self.maps: list[Any] = []

    def __call__(self, images: Any) -> Any:
        """Return logits."""
        with watching(self._network, self._layers) as seen:
            logits = self._network(images)
        self.maps = maps(self._network, self._layers, seen, len(images))
        return logits


def learner(student: nn.Module, layers: Sequence[str], channels: Sequence[tuple[int, int]]) -> Any:
    """Return a module that runs the student (`body`), and that in training keeps projections of its layers (`maps`).

    The projections, 1 x 1 convolutions with a BatchNorm, so that they begin at the scale that `distance` gives the
    teacher's maps, are trained with it; whoever takes `body` throws them away.

    Args:
        student: the network that learns.
        layers: of the student.
        channels: of each layer and of the teacher's.
    """
    from torch import nn

    class Learner(nn.Module):  # type: ignore[misc]
        """Runs `body`."""

        def __init__(self) -> None:
            super().__init__()
            self.body = student
            self.projections = nn.ModuleList(
                nn.Sequential(nn.Conv2d(own, other, 1, bias=False), nn.BatchNorm2d(other)) for own, other in channels
            )
            self.maps: list[Any] = []

        def forward(self, images: Any) -> Any:
            if not self.training:
                return self.body(images)
            with watching(self.body, layers) as seen:
                logits = self.body(images)
            given = maps(self.body, layers, seen, len(images))
            self.maps = [project(one) for project, one in zip(self.projections, given, strict=True)]
            return logits

        def no_weight_decay(self) -> set[str]:
            """Names of the parameters without weight decay, as timm asks for them."""
            own = getattr(self.body, "no_weight_decay", set)
            return {f"body.{name}" for name in own()}

    return Learner()


def distance(given: Sequence[Any], wanted: Sequence[Any]) -> Any:
    """Return the mean squared error between maps, the wanted ones scaled to a mean square of 1; the mean over pairs.

    Scaled, so that a weight means the same whatever the size of a teacher's activations. Where maps differ in size,
    the larger is averaged down to the smaller.

    Args:
        given: [N, C, H, W] each, projected to the channels of the wanted ones.
        wanted: [N, C, H, W] each.
    """
    return sum(_one(*both) for both in zip(given, wanted, strict=True)) / len(given)


def _one(given: Any, wanted: Any) -> Any:
    from torch.nn import functional

    height, width = (min(a, b) for a, b in zip(given.shape[2:], wanted.shape[2:], strict=True))
    given, wanted = (
        one if one.shape[2:] == (height, width) else functional.adaptive_avg_pool2d(one, (height, width))
        for one in (given.float(), wanted.float())
    )
    return functional.mse_loss(given, wanted * wanted.square().mean().clamp_min(1e-12).rsqrt())
