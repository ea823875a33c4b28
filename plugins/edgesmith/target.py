"""Targets: where a benchmark runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from edgesmith.artifacts import Model
    from edgesmith.process import Launch, ModelProcess


class Target:
    """A machine or device that runs models."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"

    def identity(self) -> Mapping[str, Any]:
        """Return a JSON mapping that names the machine for the benchmark's key: processor, cores, system."""
        raise NotImplementedError

    def open(self, launch: Launch, model: Model, threads: int) -> ModelProcess:
        """Load a model there, in a fresh process."""
        raise NotImplementedError
