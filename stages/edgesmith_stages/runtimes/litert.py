"""Run TFLite artifacts with LiteRT on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgesmith import Runtime, Tap, TfliteModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model


class LiteRT(Runtime):
    """LiteRT's interpreter with XNNPACK, with pinned threads.

    A file whose input or output is quantised, but whose contract says float32, is quantised and dequantised here.
    """

    name = "litert"
    accepts = (TfliteModel,)
    requirements = ("ai-edge-litert>=2.3", "numpy>=2")

    def load(self, model: Model, threads: int) -> None:
        """Read the file and plan its memory."""
        from ai_edge_litert.interpreter import Interpreter

        self._file, self._threads = str(model.file), threads
        self._interpreter: Any = Interpreter(model_path=self._file, num_threads=threads)
        self._prepare()

    def _prepare(self) -> None:
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch, as `InputContract.feed` gives it: float32 [N, classes].

        A file whose signature leaves the batch open is resized when the batch size changes.
        """
        import numpy as np

        if tuple(batch.shape) != tuple(self._input["shape"]):
            self._interpreter.resize_tensor_input(self._input["index"], batch.shape, strict=True)
            self._prepare()
        self._interpreter.set_tensor(self._input["index"], _quantised(batch, self._input))
        self._interpreter.invoke()
        return _real(self._interpreter.get_tensor(self._output["index"]), self._output).astype(np.float32, copy=False)

    def tap(self, batch: NDArray[np.generic], see: Callable[[Tap], None]) -> None:
        """Show each operation's result, by the tensor's name, as LiteRT's own kernels compute it.

        XNNPACK, which computes without a trace of what lies between, stays out of it.
        """
        from edgesmith_stages.runtimes.litert_taps import open_to_view, results

        interpreter = open_to_view(self._file, self._threads)
        detail = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(detail["index"], batch.shape, strict=True)
        interpreter.allocate_tensors()
        interpreter.set_tensor(detail["index"], _quantised(batch, detail))
        interpreter.invoke()
        for tap in results(interpreter):
            see(tap)


def _quantised(array: NDArray[np.generic], detail: dict[str, Any]) -> NDArray[np.generic]:
    """Quantise floats for an integer tensor (real = scale * (integer - zero point)); pass on what already fits."""
    import numpy as np

    dtype = np.dtype(detail["dtype"])
    scale, zero = detail["quantization"]
    if array.dtype == dtype or dtype.kind not in "iu" or array.dtype.kind != "f" or not scale:
        return array.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(np.rint(array / scale + zero), limits.min, limits.max), dtype)


def _real(array: NDArray[np.generic], detail: dict[str, Any]) -> NDArray[np.float32]:
    import numpy as np

    scale, zero = detail["quantization"]
    if array.dtype.kind not in "iu" or not scale:
        return np.asarray(array, np.float32)
    return (np.asarray(array, np.float32) - np.float32(zero)) * np.float32(scale)
