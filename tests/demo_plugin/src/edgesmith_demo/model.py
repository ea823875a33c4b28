"""The artifact kind `linear`."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith import Model


@dataclass(frozen=True)
class LinearModel(Model):
    """Weights [features + 1, classes] of a linear classifier over raw pixels."""

    kind, main = "linear", "weights.npy"
