"""The `coreml` target: Core ML on this Mac, on chosen compute units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from edgesmith import CoreMLModel, Launch, Model, ModelProcess, RuntimeUnavailable, Target, UserError
from edgesmith_stages.runtimes.coreml import CoreML, CoreMLOnCPU, CoreMLOnGPU, CoreMLOnNeuralEngine
from edgesmith_stages.targets.host import Host

Units = Literal["all", "cpu-only", "cpu-and-gpu", "cpu-and-ne"]

RUNTIMES: Mapping[str, type[CoreML]] = {
    "all": CoreML,
    "cpu-only": CoreMLOnCPU,
    "cpu-and-gpu": CoreMLOnGPU,
    "cpu-and-ne": CoreMLOnNeuralEngine,
}


class CoreMLUnits(Target):
    """Core ML on this Mac, with the compute units chosen; Core ML models only.

    From another machine, measure through a Prefect work pool: `target: {name: pool, pool: NAME, target: {name: coreml,
    compute_units: cpu-and-ne}}`.
    """

    name, version = "coreml", "1"

    class Params(Target.Params):
        """Which of the machine's processors Core ML may use."""

        compute_units: Units = Field(default="all", description="what Core ML may use; `ne` is the Neural Engine")

    @classmethod
    def unavailable(cls) -> str | None:
        """Core ML is a part of Apple's systems."""
        return CoreML.unavailable()

    def check(self) -> None:
        """Raise UserError where there is no Core ML."""
        if reason := self.unavailable():
            raise UserError(
                f"the target {self.name!r}: {reason}",
                hint="measure on a Mac through a Prefect work pool: target: {name: pool, pool: NAME, target: coreml}",
            )

    def identity(self) -> Mapping[str, Any]:
        """Return what `host` tells, the version of macOS included, and the compute units."""
        return {**Host().identity(), "compute_units": self.params.compute_units}

    def open(self, launch: Launch, model: Model, threads: int) -> ModelProcess:
        """Load a Core ML model in a fresh process; Core ML decides for itself how many threads it uses."""
        if not isinstance(model, CoreMLModel):
            raise RuntimeUnavailable(f"the target {self.name!r} runs Core ML models only, not {model.kind}")
        runtime = RUNTIMES[self.params.compute_units]
        place = f"{runtime.__module__}:{runtime.__qualname__}"
        return ModelProcess(replace(launch, name=f"coreml {self.params.compute_units}", runtime=place), model, threads)
