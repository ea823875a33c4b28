"""Intermediate results of a TFLite file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgesmith import Tap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def open_to_view(file: str, threads: int) -> Any:
    """Return an interpreter that keeps all tensors of a file, on LiteRT's own kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_path=file,
        num_threads=threads,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


def results(interpreter: Any) -> Iterator[Tap]:
    """Yield what each operation gave in the run before, if it depends on the input and is a float or quantised."""
    fed = {one["index"] for one in interpreter.get_input_details()}
    tensors = {one["index"]: one for one in interpreter.get_tensor_details()}
    for step in interpreter._get_ops_details():  # the only way to ask for operations
        if fed.isdisjoint(step["inputs"]):
            continue
        fed.update(step["outputs"])
        for index in step["outputs"]:
            value = dequantised(interpreter.get_tensor(index), tensors[index]["quantization_parameters"])
            if value is not None:
                yield Tap(tensors[index]["name"], step["op_name"], value)


def dequantised(values: NDArray[np.generic], how: dict[str, Any]) -> NDArray[np.floating] | None:
    """Return a tensor as floats: scale * (integer - zero point), per tensor or per channel; None if it is no number.

    Args:
        values: of any dtype.
        how: its `scales`, `zero_points` and `quantized_dimension`; no scales if it isn't quantised.
    """
    import numpy as np

    scales, zeros = np.asarray(how["scales"], np.float32), np.asarray(how["zero_points"], np.float32)
    if values.dtype.kind == "f":
        return np.asarray(values, np.float32)
    if values.dtype.kind not in "iu" or not scales.size:
        return None
    if scales.size > 1:
        shape = [1] * values.ndim
        shape[how["quantized_dimension"]] = scales.size
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    return np.asarray((values.astype(np.float32) - zeros) * scales, np.float32)
