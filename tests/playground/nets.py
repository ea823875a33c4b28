"""The model source `nets`."""

from __future__ import annotations

from edgesmith import ModelSource

FACTORY = f"{__name__}:make"


def make(model, num_classes=10):
    """Make a small network."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes)
    )


class Nets(ModelSource):
    """`model: nets/small` in a pipeline."""

    name, factory = "nets", FACTORY
