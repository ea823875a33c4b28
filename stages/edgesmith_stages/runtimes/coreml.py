"""Run Core ML artifacts with Core ML itself, on macOS."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from edgesmith import CoreMLModel, Runtime
from edgesmith_stages.runtimes.coreml_reference import COREMLTOOLS, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class CoreML(Runtime):
    """Core ML on all of the machine's compute units. It decides for itself how many threads it uses."""

    name = "coreml"
    accepts = (CoreMLModel,)
    requirements = (COREMLTOOLS, "numpy>=2", "pillow")

    @classmethod
    def unavailable(cls) -> str | None:
        """Core ML is a part of Apple's systems."""
        return None if sys.platform == "darwin" else "Core ML runs on macOS only"

    def load(self, model: Model, threads: int) -> None:
        """Compile the package."""
        import coremltools

        from edgesmith_stages.formats.coreml import quiet

        with quiet():
            self._model: Any = coremltools.models.MLModel(str(model.file))
        description = self._model.get_spec().description
        (self._input,) = description.input
        self._probabilities = description.predictedProbabilitiesName
        self._output = self._probabilities or description.output[0].name
        self._classes = model.contract.classes

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run a batch image by image, as `InputContract.feed` gives it: float32 [N, classes]."""
        import numpy as np

        return np.concatenate([self._row(batch[place : place + 1]) for place in range(len(batch))])

    def _row(self, row: NDArray[np.generic]) -> NDArray[np.float32]:
        import numpy as np
        from PIL import Image

        given: Any = row
        if self._input.type.WhichOneof("Type") == "imageType":
            pixels = np.asarray(row[0], np.uint8)
            given = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        found = self._model.predict({self._input.name: given})[self._output]
        return in_order(found, self._classes) if self._probabilities else np.asarray(found, np.float32).reshape(1, -1)
