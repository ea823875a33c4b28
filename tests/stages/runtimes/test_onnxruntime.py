"""ONNX Runtime, on a file built by hand: fast, and independent of the exporter."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgesmith import InputContract, OnnxModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import RuntimeContract
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime


def write_model(folder: Path) -> OnnxModel:
    """Channel means times a matrix, for any batch size."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    contract = InputContract(size=(4, 4), classes=("a", "b"))
    weight = np.array([[1, -1], [2, 0], [0, 3]], np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "main", [image], [logits], [numpy_helper.from_array(weight, "weight")])
    model = OnnxModel(folder)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), model.file)
    contract.write(folder / CONTRACT_FILE)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    write_golden(folder, pixels, contract.normalise(pixels).mean((2, 3)) @ weight)
    return model


class TestOnnxRuntime(RuntimeContract):
    """The contract of runtimes."""

    runtime = OnnxRuntime

    def model(self, folder: Path) -> OnnxModel:
        """The model by hand."""
        return write_model(folder)


def test_threads_are_pinned(tmp_path: Path) -> None:
    """One session, as many threads as asked for."""
    runtime = OnnxRuntime()
    runtime.load(write_model(tmp_path), threads=1)
    options = runtime._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert runtime._session.get_providers() == ["CPUExecutionProvider"]
