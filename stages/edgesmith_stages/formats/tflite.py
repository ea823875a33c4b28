"""TFLite flatbuffers: short tensor names, and writing without repetition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16
"""What the schema asks of `Buffer.data` (force_align), for kernels that load vectors straight from the file."""

_CLASS = re.compile(r"^[\w.<>]*?\.[A-Z]\w*?_(?=\w)")
_WRAPPERS = (".ChannelLastIOWrapper", ".Lowered")
"""Modules around the network: litert-torch's, and that of `tflite_backends.lowering`."""


def read(content: bytes) -> Any:
    """Parse a flatbuffer into the schema's ModelT."""
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


def write(model: Any, file: Path) -> None:
    """Write a ModelT to a file."""
    file.write_bytes(packed(model))


def packed(model: Any) -> bytes:
    """Turn a ModelT into a flatbuffer; equal vectors are written once.

    Per-channel quantisation repeats itself: a zero for every channel of every weight, in eight bytes each. A
    flatbuffer may refer to one vector from many places, which saves about a tenth of an int8 model.
    """
    import numpy as np

    builder = _sharing_builder()
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(bytes(buffer.data), np.uint8)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            _as_arrays(tensor)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def shorten_names(model: Any) -> None:
    """Give tensors the names of the torch modules they come from, instead of every class on the way there.

    litert-torch's names are a tenth of a MobileViT-XXS, and a quarter of it in int8. They stay unique: a name that
    comes again gets a number.
    """
    for graph in model.subgraphs:
        seen: dict[str, int] = {}
        for tensor in graph.tensors:
            name = short_name(tensor.name.decode())
            count = seen.get(name, 0)
            seen[name] = count + 1
            tensor.name = (f"{name}~{count}" if count else name).encode()


def short_name(name: str) -> str:
    """Shorten one name: `timm.models.byobnet.ByobNet_wrapped/torch.nn...Conv2d_stem;1;;...` to `stem;1`."""
    path, _, index = name.split(";;")[0].partition(";")
    if "/" not in path:
        return name
    modules = path.split("/")
    while len(modules) > 2 and any(wrapper in modules[0] for wrapper in _WRAPPERS):
        modules = modules[1:]
    parts = [_CLASS.sub("", module) for module in modules[1:]]
    if parts[0] == "wrapped" and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts) + (f";{index}" if index else "")


def op_names(model: Any) -> list[str]:
    """Return the operator of every node of all subgraphs, in order, as the schema names it (`CONV_2D`)."""
    from ai_edge_litert.tools import flatbuffer_utils

    return [
        str(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex))
        for graph in model.subgraphs
        for operator in graph.operators
    ]


def integer_ops(model: Any) -> int:
    """Count the operators that give integers of at most 8 bits: those that run quantised."""
    from ai_edge_litert.schema_py_generated import TensorType

    narrow = {TensorType.INT8, TensorType.UINT8, TensorType.INT4}
    count = 0
    for graph in model.subgraphs:
        for operator in graph.operators:
            count += any(graph.tensors[index].type in narrow for index in operator.outputs)
    return count


def numbers(model: Any, tensor: Any) -> NDArray[np.float32]:
    """Return a constant of single precision, flat; nothing of any other tensor."""
    import numpy as np
    from ai_edge_litert.schema_py_generated import TensorType

    data = model.buffers[tensor.buffer].data if tensor.type == TensorType.FLOAT32 else None
    return np.frombuffer(b"" if data is None else bytes(data), np.float32)


def _as_arrays(tensor: Any) -> None:
    """Turn lists into arrays, which the builder can share."""
    import numpy as np

    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return
    quantization.scale = np.asarray(quantization.scale, "<f4")
    quantization.zeroPoint = np.asarray(quantization.zeroPoint, "<i8")


def _sharing_builder() -> Any:
    import flatbuffers

    class SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
        """Writes equal arrays once."""

        def __init__(self) -> None:
            super().__init__(1 << 20)
            self.written: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: NDArray[np.generic]) -> int:
            content = x.tobytes()
            key = (x.dtype.str, content)
            if key not in self.written:
                alignment = BUFFER_ALIGNMENT if x.dtype.itemsize == 1 else x.dtype.alignment
                self.StartVector(x.dtype.itemsize, x.size, alignment)
                self.head -= len(content)
                self.Bytes[self.head : self.head + len(content)] = content
                self.written[key] = self.EndVector()
            return self.written[key]

    return SharingBuilder()
