"""The runtime `openvino`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgesmith import Runtime
from edgesmith_openvino.backend import OPENVINO, cpu_options, openvino
from edgesmith_openvino.model import OpenVinoModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class OpenVino(Runtime):
    """OpenVINO's CPU device: one stream, a given number of threads, float32 arithmetic where the file isn't int8."""

    name = "openvino"
    accepts = (OpenVinoModel,)
    requirements = OPENVINO

    def load(self, model: Model, threads: int) -> None:
        """Read the IR and compile it for this processor."""
        assert isinstance(model, OpenVinoModel)
        self._compiled: Any = openvino().Core().compile_model(model.xml, "CPU", dict(cpu_options(threads)))
        self._request = self._compiled.create_infer_request()

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch, as `InputContract.feed` gives it: float32 [N, classes]."""
        import numpy as np

        self._request.infer([batch], share_inputs=True)
        return np.array(self._request.get_output_tensor(0).data, dtype=np.float32)
