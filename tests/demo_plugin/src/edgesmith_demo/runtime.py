"""The runtime `linear`."""

from __future__ import annotations

from edgesmith import Runtime
from edgesmith_demo.algebra import design
from edgesmith_demo.model import LinearModel


class LinearRuntime(Runtime):
    """Runs linear models with NumPy."""

    name, version = "linear", "1"
    accepts = (LinearModel,)
    requirements = ("numpy",)

    def load(self, model, threads):
        import numpy as np

        self.weights = np.load(model.file, allow_pickle=False)

    def predict(self, batch):
        import numpy as np

        return (design(batch) @ self.weights).astype(np.float32)
