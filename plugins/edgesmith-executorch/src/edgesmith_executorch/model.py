"""The artifact kind `executorch`."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith import Model

EXECUTORCH = ("executorch>=1.5,<1.6", "torch>=2.14,<2.15", "torchao>=0.18,<0.19", "numpy>=2")
"""What writes and runs the files: executorch 1.5 names torch 2.14 and torchao under 0.19."""

RESOLVED = "2026-11-15"
"""The date as of which an environment with ExecuTorch is resolved: it leaves most of its requirements open."""


@dataclass(frozen=True)
class ExecutorchModel(Model):
    """An ExecuTorch program, `model.pte`: one method, `forward`, with all weights inside."""

    kind, main = "executorch", "model.pte"
