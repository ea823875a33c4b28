"""ONNX files of a few nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgesmith import InputContract, OnnxModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE


def proto(nodes: Sequence[Any], numbers: Mapping[str, Any]) -> Any:
    """From `image`, [1, 3, 2, 2], to `logits`, [1, 12]; a last node that flattens `last` is added."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    tensors = [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in numbers.items()]
    graph = helper.make_graph(
        [*nodes, helper.make_node("Flatten", ["last"], ["logits"], name="flatten")],
        "main",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 12])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def artifact(folder: Path, nodes: Sequence[Any], numbers: Mapping[str, Any]) -> OnnxModel:
    """An artifact of such a file, with three golden images of noise."""
    import onnx
    import onnxruntime

    folder.mkdir(parents=True, exist_ok=True)
    contract = InputContract(size=(2, 2), classes=tuple("abcdefghijkl"), batch=1)
    model = OnnxModel(folder)
    onnx.save(proto(nodes, numbers), model.file)
    contract.write(folder / CONTRACT_FILE)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 2, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(model.file), providers=["CPUExecutionProvider"])
    logits = [session.run(None, {"image": row[None]})[0] for row in contract.feed(pixels)]
    write_golden(folder, pixels, np.concatenate(logits))
    return model
