"""Layers of TFLite files, float or int8."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith import TfliteModel
from edgesmith_stages.quantize.bias_correction.layers import Layer, Means, channels_first, moved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
SAME = 0
"""The schema's padding that keeps the size."""


class TfliteFile:
    """A WeightedFile.

    Args:
        file: of the model, with one subgraph.
        scratch: an empty folder for the file as it is run.
    """

    def __init__(self, file: Path, scratch: Path) -> None:
        from edgesmith_stages.formats.tflite import op_names, read

        self._model, self._scratch = read(file.read_bytes()), scratch
        self._graph = self._model.subgraphs[0]
        self._kinds = op_names(self._model)[: len(self._graph.operators)]
        self._uses = Counter(index for operator in self._graph.operators for index in operator.inputs)

    def layers(self) -> list[Layer]:
        """See WeightedFile: convolutions in two dimensions, also depthwise, and fully connected layers."""
        steps = zip(self._kinds, self._graph.operators, strict=True)
        return [layer for kind, operator in steps if kind in KINDS and (layer := self._layer(kind, operator))]

    def shift(self, name: str, amount: NDArray[np.float64]) -> None:
        """See WeightedFile."""
        import copy

        import numpy as np

        operator = next(one for one in self._graph.operators if self._name(one.outputs[0]) == name)
        tensor = self._graph.tensors[operator.inputs[2]]
        held = self._model.buffers[tensor.buffer]
        codes = moved(np.frombuffer(bytes(held.data), np.int32), amount, np.asarray(tensor.quantization.scale))
        # Equal vectors may be one buffer.
        made = copy.copy(held)
        made.data = np.frombuffer(codes.tobytes(), np.uint8)
        if sum(one.buffer == tensor.buffer for graph in self._model.subgraphs for one in graph.tensors) > 1:
            tensor.buffer = len(self._model.buffers)
            self._model.buffers.append(made)
        else:
            self._model.buffers[tensor.buffer] = made

    def means(self, rows: NDArray[np.generic], names: set[str]) -> Means:
        """See WeightedFile."""
        import numpy as np

        from edgesmith_stages.runtimes.litert_taps import dequantised, open_to_view

        # Not LiteRT.tap, which opens the file for each batch and reads all tensors: hundreds, where a few are wanted.
        interpreter = open_to_view(str(self._written().file), 1)
        interpreter.allocate_tensors()
        image, sums = interpreter.get_input_details()[0], Means()
        wanted = [one for one in interpreter.get_tensor_details() if one["name"] in names - {image["name"]}]
        for row in rows:
            interpreter.set_tensor(image["index"], row[None])
            interpreter.invoke()
            for one in wanted:
                value = dequantised(interpreter.get_tensor(one["index"]), one["quantization_parameters"])
                sums[one["name"]] = sums.get(one["name"], 0) + channels_first(np.asarray(value, np.float64), -1)
        if image["name"] in names:
            sums[image["name"]] = channels_first(np.asarray(rows, np.float64), -1) * len(rows)
        return {name: value / len(rows) for name, value in sums.items()}

    def answers(self, rows: NDArray[np.generic]) -> NDArray[np.float32]:
        """See WeightedFile."""
        import numpy as np

        from edgesmith_stages.runtimes.litert import LiteRT

        runtime = LiteRT()
        runtime.load(self._written(), threads=1)
        return np.concatenate([runtime.predict(row[None]) for row in rows])

    def save(self, file: Path) -> None:
        """See WeightedFile."""
        from edgesmith_stages.formats.tflite import write

        write(self._model, file)

    def _written(self) -> TfliteModel:
        model = TfliteModel(self._scratch)
        self.save(model.file)
        return model

    def _layer(self, kind: str, operator: Any) -> Layer | None:
        if len(operator.inputs) < 3 or min(operator.inputs) < 0:
            return None
        given, kernel, added = (self._graph.tensors[index] for index in operator.inputs)
        (weight, rounded), (bias, whole) = self._value(kernel), self._value(added)
        if weight is None or bias is None:
            return None
        rounded = rounded and whole and self._uses[operator.inputs[2]] == 1
        name, source, options = self._name(operator.outputs[0]), self._name(operator.inputs[0]), operator.builtinOptions
        if kind == "FULLY_CONNECTED":
            if given.shape[-1] != weight.shape[1]:
                return None
            return Layer(name, source, weight[:, :, None, None], bias, rounded)
        order = (3, 0, 1, 2) if kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)
        return Layer(
            name,
            source,
            weight.transpose(order),
            bias,
            rounded,
            (options.strideH, options.strideW),
            (options.dilationHFactor, options.dilationWFactor),
            None if options.padding == SAME else (0, 0, 0, 0),
        )

    def _value(self, tensor: Any) -> tuple[NDArray[np.float64] | None, bool]:
        """A constant in real numbers, and whether it is stored as integers."""
        import numpy as np
        from ai_edge_litert.schema_py_generated import TensorType

        from edgesmith_stages.runtimes.litert_taps import dequantised

        kinds = {TensorType.FLOAT32: np.float32, TensorType.INT8: np.int8, TensorType.INT32: np.int32}
        data = self._model.buffers[tensor.buffer].data
        if data is None or tensor.type not in kinds:
            return None, False
        values = np.frombuffer(bytes(data), kinds[tensor.type]).reshape(tensor.shape)
        quantization = tensor.quantization
        given = quantization is not None and quantization.scale is not None
        how = {
            "scales": quantization.scale if given else (),
            "zero_points": quantization.zeroPoint if given else (),
            "quantized_dimension": quantization.quantizedDimension if given else 0,
        }
        real = dequantised(values, how)
        return (None, False) if real is None else (real.astype(np.float64), bool(values.dtype.kind == "i"))

    def _name(self, index: int) -> str:
        return str(self._graph.tensors[index].name.decode())
