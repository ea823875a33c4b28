"""Exported graphs as modules that can be told `train()` and `eval()`, which graphs themselves refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def network(graph: Any) -> nn.Module:
    """Return a module that runs `graph`, a GraphModule that computes the same in training as in use."""
    from torch import nn

    class Network(nn.Module):  # type: ignore[misc]
        """Runs `graph`."""

        def __init__(self) -> None:
            super().__init__()
            self.body = graph

        def forward(self, images: Any) -> Any:
            return self.body(images)

        def train(self, mode: bool = True) -> Network:
            for part in self.modules():
                part.training = mode
            return self

    return Network()


def trainee(graph: Any, observed: int) -> nn.Module:
    """Return a module for fine-tuning with fake quantisation.

    Ranges follow the data only in training mode, so that scoring doesn't move them, and only for some epochs: what
    the last ones train is what will run. `train()` begins an epoch; the count is part of the state, so that training
    goes on where it stopped.

    Args:
        graph: prepared for training.
        observed: epochs in which ranges follow the data.
    """
    import torch
    from torch import nn

    class Trainee(nn.Module):  # type: ignore[misc]
        """Runs `graph`."""

        def __init__(self) -> None:
            super().__init__()
            self.body = graph
            self.register_buffer("begun", torch.zeros((), dtype=torch.int64))

        def forward(self, images: Any) -> Any:
            return self.body(images)

        def train(self, mode: bool = True) -> Trainee:
            self.begun += int(mode)
            follows = mode and int(self.begun) <= observed
            for part in self.modules():
                part.training = mode
                if hasattr(part, "observer_enabled"):
                    part.observer_enabled.fill_(int(follows))
            return self

    return Trainee()
