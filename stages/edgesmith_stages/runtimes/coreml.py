"""Run Core ML artifacts with Core ML itself, on macOS."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from edgesmith import CoreMLModel, Runtime, StageFailed
from edgesmith_stages.runtimes.coreml_reference import COREMLTOOLS, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class CoreML(Runtime):
    """Core ML on all of the machine's compute units. It decides for itself how many threads it uses.

    Latencies are Core ML's own, as `MLModelBenchmarker` of coremltools measures them: the prediction alone, without
    what turns arrays into features. It tells Core ML's own load time and where each operation is to run (see
    `edgesmith_stages.runtimes.coreml_plan`). The `coreml` target chooses compute units.
    """

    name = "coreml"
    accepts = (CoreMLModel,)
    requirements = (COREMLTOOLS, "numpy>=2", "pillow")
    units: ClassVar[str] = "ALL"
    """The name of the `coremltools.ComputeUnit`."""

    @classmethod
    def unavailable(cls) -> str | None:
        """Core ML is a part of Apple's systems."""
        return None if sys.platform == "darwin" else "Core ML runs on macOS only"

    def load(self, model: Model, threads: int) -> None:
        """Compile the package and load it."""
        import coremltools

        from edgesmith_stages.formats.coreml import quiet

        self._package = model.file
        self._units = coremltools.ComputeUnit[self.units]
        with quiet():
            self._model: Any = coremltools.models.MLModel(str(model.file), compute_units=self._units)
        if self._model.__proxy__ is None:
            raise StageFailed(f"Core ML can't load the package: {self._model._framework_error or 'it is too new'}")
        self._benchmarker: Any = None
        description = self._model.get_spec().description
        (self._input,) = description.input
        self._probabilities = description.predictedProbabilitiesName
        self._output = self._probabilities or description.output[0].name
        self._classes = model.contract.classes

    def facts(self) -> Mapping[str, Any]:
        """Return compute units, Core ML's own load time in milliseconds, and the placement of operations."""
        from edgesmith_stages.formats.coreml import quiet
        from edgesmith_stages.runtimes.coreml_plan import read_plan

        told: dict[str, Any] = {"compute_units": self.units}
        if (taken := self._model.load_duration_in_nano_seconds) is not None:
            told["coreml_load_ms"] = round(taken / 1e6, 3)
        try:
            with quiet():
                return {**told, "placement": read_plan(self._package, self._units)}
        except Exception as error:  # only macOS 14.4 and later tell it, and a measurement stands without
            return {**told, "placement": f"not told: {type(error).__name__}: {error}"}

    def timed(self, batch: NDArray[np.generic]) -> int:
        """Run a batch of one image, and return Core ML's own latency in nanoseconds.

        The benchmarker loads the model once more, before the first run.
        """
        import asyncio

        if self._benchmarker is None:
            from coremltools.models.ml_program.experimental.perf_utils import MLModelBenchmarker

            self._benchmarker = MLModelBenchmarker(self._model)
        total = 0.0
        for place in range(len(batch)):
            inputs = self._features(batch[place : place + 1])
            (sample,) = asyncio.run(self._benchmarker.benchmark_predict(inputs=inputs, iterations=1)).samples
            total += sample
        return round(total * 1e6)

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run a batch image by image, as `InputContract.feed` gives it: float32 [N, classes]."""
        import numpy as np

        return np.concatenate([self._row(batch[place : place + 1]) for place in range(len(batch))])

    def _row(self, row: NDArray[np.generic]) -> NDArray[np.float32]:
        import numpy as np

        found = self._model.predict(self._features(row))[self._output]
        return in_order(found, self._classes) if self._probabilities else np.asarray(found, np.float32).reshape(1, -1)

    def _features(self, row: NDArray[np.generic]) -> dict[str, Any]:
        """Return an image as Core ML takes it."""
        import numpy as np
        from PIL import Image

        given: Any = row
        if self._input.type.WhichOneof("Type") == "imageType":
            pixels = np.asarray(row[0], np.uint8)
            given = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        return {self._input.name: given}


class CoreMLOnCPU(CoreML):
    """Core ML on the CPU alone."""

    units = "CPU_ONLY"


class CoreMLOnGPU(CoreML):
    """Core ML on the CPU and the GPU."""

    units = "CPU_AND_GPU"


class CoreMLOnNeuralEngine(CoreML):
    """Core ML on the CPU and the Neural Engine."""

    units = "CPU_AND_NE"
