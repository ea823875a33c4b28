"""What an ONNX file gives where every half result is rounded, and how large its results are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith import InputContract, OnnxModel, Tap

_WIDE, _HALF = "/wide", "/half"


@dataclass(frozen=True)
class Probe:
    """What a file gives for some images.

    Attributes:
        answers: float32 [N, classes].
        peaks: by tensor, the largest magnitude; infinite, too, for what is no number.
    """

    answers: NDArray[np.float32]
    peaks: dict[str, float]

    @classmethod
    def of(cls, model: OnnxModel, images: NDArray[np.uint8], contract: InputContract | None = None) -> Probe:
        """Run a file with a float32 input, image by image.

        Args:
            model: the file.
            images: uint8 [N, H, W, C].
            contract: where the file has none beside it.
        """
        import numpy as np

        from edgesmith.parity import outputs_of
        from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

        runtime, contract = OnnxRuntime(), contract or model.contract
        runtime.load(model, threads=1)
        peaks: dict[str, float] = {}

        def see(tap: Tap) -> None:
            peak = float(np.abs(tap.value).max(initial=0))
            peaks[tap.name] = max(peaks.get(tap.name, 0.0), float("inf") if np.isnan(peak) else peak)

        for row in contract.feed(images):
            runtime.tap(row[None], see)
        return cls(outputs_of(runtime, contract, images, batch=1), peaks)


def rounded(model: Any) -> Any:
    """Return a copy of a ModelProto that computes in float32 and rounds to float16 each result that the model has so.

    ONNX Runtime's CPU kernels for halves are few: it computes most of such a file in float32, with nothing rounded in
    between, so that what overflows on a GPU goes unseen. Casts that a file asks for itself are honoured.
    """
    import onnx
    from onnx import TensorProto, helper

    made = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    graph = made.graph
    halves = {one.name for one in graph.value_info if one.type.tensor_type.elem_type == TensorProto.FLOAT16}
    for tensor in (*graph.initializer, *_constants(graph)):
        _widen(tensor)
    nodes = []
    for node in graph.node:
        rounds = node.op_type == "Cast" and node.output[0] in halves
        for place, name in enumerate(node.output):
            if name not in halves:
                continue
            node.output[place] = name + (_HALF if rounds else _WIDE)
            if not rounds:
                nodes.append(helper.make_node("Cast", [name + _WIDE], [name + _HALF], to=TensorProto.FLOAT16))
            nodes.append(helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT))
    graph.node.extend(nodes)
    del graph.value_info[:]
    from onnxruntime.transformers.onnx_model import OnnxModel

    OnnxModel.graph_topological_sort(graph)
    return made


def _constants(graph: Any) -> list[Any]:
    return [attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")]


def _widen(tensor: Any) -> None:
    """Turn a float16 TensorProto into a float32 one."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
