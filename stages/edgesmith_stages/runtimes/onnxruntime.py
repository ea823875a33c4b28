"""Run ONNX artifacts with ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel, Runtime, Tap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Model
    from edgesmith_stages.runtimes.onnx_taps import Shown

FLOATS = frozenset({"tensor(float)", "tensor(float16)", "tensor(double)"})


class OnnxRuntime(Runtime):
    """ONNX Runtime's CPU provider, with deterministic kernels and pinned threads."""

    name = "onnxruntime"
    accepts = (OnnxModel,)
    requirements = ("onnxruntime>=1.24", "onnx>=1.20", "numpy>=2")

    def load(self, model: Model, threads: int) -> None:
        """Make a session for the file."""
        self._file, self._threads = model.file, threads
        self._session = self._open(str(model.file))
        self._input = self._session.get_inputs()[0].name

    def _open(self, file: str | bytes) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def predict(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """Run one batch, as `InputContract.feed` gives it: float32 [N, classes]."""
        import numpy as np

        return np.asarray(self._session.run(None, {self._input: batch})[0], dtype=np.float32)

    def tap(self, batch: NDArray[np.generic], see: Callable[[Tap], None]) -> None:
        """Show the nodes' results, by the tensors' names; see `onnx_taps.choose` for which of them."""
        session, shown = self._tapped
        names = [one.tensor for one in shown]
        for one, value in zip(shown, session.run(names, {self._input: batch}), strict=True):
            see(Tap(one.name, one.op, value))

    @cached_property
    def _tapped(self) -> tuple[Any, list[Shown]]:
        """A session whose model gives its intermediate results, too, and those that are floats."""
        import onnx

        from edgesmith_stages.runtimes.onnx_taps import choose, with_outputs

        model = onnx.load(self._file)
        shown = choose(model.graph)
        session = self._open(with_outputs(model, shown).SerializeToString())
        floats = {one.name for one in session.get_outputs() if one.type in FLOATS}
        return session, [one for one in shown if one.tensor in floats]
