"""Layers of ONNX files, float or QDQ."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import OnnxModel
from edgesmith_stages.quantize.bias_correction.layers import Layer, Means, channels_first, moved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import Tap
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime


class OnnxFile:
    """A WeightedFile.

    Args:
        file: of the model.
        scratch: an empty folder for the file as it is run.
    """

    def __init__(self, file: Path, scratch: Path) -> None:
        import onnx

        from edgesmith_stages.runtimes.onnx_taps import choose

        self._model, self._scratch = onnx.load(file), scratch
        graph = self._model.graph
        self._image = graph.input[0].name
        self._shown = {self._image: self._image, **{one.tensor: one.name for one in choose(graph)}}
        self._constants = {one.name: one for one in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._uses = Counter(name for node in graph.node for name in node.input)

    def layers(self) -> list[Layer]:
        """See WeightedFile: `Conv` in two dimensions, `Gemm`."""
        return [layer for node in self._model.graph.node if (layer := self._layer(node))]

    def shift(self, name: str, amount: NDArray[np.float64]) -> None:
        """See WeightedFile."""
        from onnx import numpy_helper

        node = next(one for one in self._model.graph.node if one.name == name)
        stored = self._makers[node.input[2]].input
        codes, scale = (numpy_helper.to_array(self._constants[one]) for one in stored[:2])
        made = numpy_helper.from_array(moved(codes, amount, scale), stored[0])
        self._constants[stored[0]].CopyFrom(made)

    def means(self, rows: NDArray[np.generic], names: set[str]) -> Means:
        """See WeightedFile."""
        import numpy as np

        sums: Means = {}
        runtime = self._loaded()

        def see(tap: Tap) -> None:
            if tap.name in names:
                sums[tap.name] = sums.get(tap.name, 0) + channels_first(np.asarray(tap.value, np.float64), 1)

        for row in rows:
            runtime.tap(row[None], see)
        if self._image in names:
            sums[self._image] = channels_first(np.asarray(rows, np.float64), 1) * len(rows)
        return {name: value / len(rows) for name, value in sums.items()}

    def answers(self, rows: NDArray[np.generic]) -> NDArray[np.float32]:
        """See WeightedFile."""
        import numpy as np

        runtime = self._loaded()
        return np.concatenate([runtime.predict(row[None]) for row in rows])

    def save(self, file: Path) -> None:
        """See WeightedFile."""
        from edgesmith_stages.formats.onnx import save

        save(self._model, file)

    def _loaded(self) -> OnnxRuntime:
        from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

        model, runtime = OnnxModel(self._scratch), OnnxRuntime()
        self.save(model.file)
        runtime.load(model, threads=1)
        return runtime

    def _layer(self, node: Any) -> Layer | None:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3 or node.input[0] not in self._shown:
            return None
        (weight, rounded), (bias, alone) = self._value(node.input[1]), self._value(node.input[2])
        options = {one.name: (tuple(one.ints) or one.i or one.f) for one in node.attribute}
        if weight is None or bias is None:
            return None
        given = self._shown[node.input[0]]
        if node.op_type == "Gemm":
            if options.get("transA") or any(options.get(name, 1.0) != 1 for name in ("alpha", "beta")):
                return None
            matrix = weight if options.get("transB") else weight.T
            layer = Layer(node.name, given, matrix[:, :, None, None], bias, rounded and alone)
        elif weight.ndim == 4 and not any(one.name == "auto_pad" and one.s != b"NOTSET" for one in node.attribute):
            (down, across), (tall, wide) = options.get("strides", (1, 1)), options.get("dilations", (1, 1))
            top, left, bottom, right = options.get("pads", (0, 0, 0, 0))
            pads = (top, left, bottom, right)
            layer = Layer(node.name, given, weight, bias, rounded and alone, (down, across), (tall, wide), pads)
        else:
            return None
        return layer if len(bias) == len(layer.weight) else None

    def _value(self, name: str) -> tuple[NDArray[np.float64] | None, bool]:
        """A constant in real numbers, and whether it is stored as integers that nothing else reads."""
        import numpy as np
        from onnx import numpy_helper

        if name in self._constants:
            return np.asarray(numpy_helper.to_array(self._constants[name]), np.float64), False
        maker = self._makers.get(name)
        if (
            maker is None
            or maker.op_type != "DequantizeLinear"
            or any(one not in self._constants for one in maker.input)
        ):
            return None, False
        codes, scale, *zero = (
            np.asarray(numpy_helper.to_array(self._constants[one]), np.float64) for one in maker.input
        )
        axis = next((one.i for one in maker.attribute if one.name == "axis"), 1)
        shape = [1] * codes.ndim
        if scale.size > 1:
            shape[axis] = scale.size
        offset = zero[0].reshape(shape if zero[0].size > 1 else [1] * codes.ndim) if zero else 0.0
        real = (codes - offset) * scale.reshape(shape)
        return real, self._uses[name] == 1 and self._uses[maker.input[0]] == 1
