"""The artifact kind `openvino`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgesmith import Model


@dataclass(frozen=True)
class OpenVinoModel(Model):
    """An OpenVINO IR: the folder `ir` with `model.xml`, the graph, and `model.bin`, its weights.

    Both count as the model's bytes, which is why `main` is their folder.
    """

    kind = "openvino"
    main = "ir"

    @property
    def xml(self) -> Path:
        """Path of the graph; OpenVINO finds the weights beside it."""
        return self.file / "model.xml"
