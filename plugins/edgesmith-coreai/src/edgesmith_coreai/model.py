"""The artifact kind `coreai`."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith import Model

COREAI = ("coreai-core==1.0.0b3", "numpy>=2.3,<2.5")
"""What runs the packages: a beta, and so this one exactly."""

RESOLVED = "2026-11-15"
"""The date as of which an environment with Core AI is resolved."""

INPUT, OUTPUT, FUNCTION = "image", "logits", "main"


@dataclass(frozen=True)
class CoreAIModel(Model):
    """A Core AI package, `model.aimodel`: one function, `main`, from `image` to `logits`, with all weights inside."""

    kind, main = "coreai", "model.aimodel"
