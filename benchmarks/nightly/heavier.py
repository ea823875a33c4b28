"""A model with more work to do: the same ONNX file with one more convolution, whose result counts next to nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgesmith import OnnxModel

_CHANNELS = 48


def rows_of(model: OnnxModel) -> int:
    """Return how many rows the tensor has that `heavier` convolves."""
    import onnx

    return _place(onnx.load(model.file))[1][2]


def heavier(model: OnnxModel, folder: Path, rows: int) -> OnnxModel:
    """Write an artifact folder whose model also convolves the first `rows` rows of its first feature map, 3 x 3.

    The result, times 1e-6, is added to what the map goes on to, so that no optimiser can drop it.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(model.path, folder)
    (folder / OnnxModel.main).chmod(0o644)
    document = onnx.load(model.file)
    graph = document.graph
    name, shape = _place(document)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((_CHANNELS, shape[1], 3, 3), dtype=np.float32) / 10
    constants = {
        "extra_weight": weight,
        "extra_scale": np.float32([1e-6]),
        "extra_starts": np.int64([0]),
        "extra_ends": np.int64([rows]),
        "extra_axes": np.int64([2]),
    }
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items())
    added = [
        helper.make_node("Slice", [name, "extra_starts", "extra_ends", "extra_axes"], ["extra_part"]),
        helper.make_node("Conv", ["extra_part", "extra_weight"], ["extra_map"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["extra_map"], ["extra_mean"], keepdims=1),
        helper.make_node("Mul", ["extra_mean", "extra_scale"], ["extra_little"]),
        helper.make_node("Add", [name, "extra_little"], ["extra_sum"]),
    ]
    at = next(index for index, node in enumerate(graph.node) if name in node.output)
    for node in graph.node[at + 1 :]:
        for index, given in enumerate(node.input):
            if given == name:
                node.input[index] = "extra_sum"
    for offset, node in enumerate(added, start=1):
        graph.node.insert(at + offset, node)
    onnx.checker.check_model(document)
    onnx.save(document, folder / OnnxModel.main)
    return OnnxModel(folder)


def _place(document: object) -> tuple[str, list[int]]:
    """Return name and shape of the first feature map after an activation: of rank 4, read by more than nothing."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(document).graph
    shapes = {one.name: [d.dim_value for d in one.type.tensor_type.shape.dim] for one in graph.value_info}
    read = {name for node in graph.node for name in node.input}
    # Not right behind a convolution: that would keep the runtime from fusing it with its activation, and cost more.
    found = [
        node.output[0]
        for node in graph.node
        if node.op_type != "Conv" and len(shapes.get(node.output[0], [])) == 4 and node.output[0] in read
    ]
    name = next(name for name in found if not any(n.op_type == "Mul" and name in n.input for n in graph.node))
    return name, shapes[name]
