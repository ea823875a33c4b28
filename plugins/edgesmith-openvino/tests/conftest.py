"""A small ONNX classifier with seeded weights, digits to calibrate on, and edgesmith's own plugins to run them with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from edgesmith import Dataset, InputContract, OnnxModel, Runtime, carry, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import LocalContext
from edgesmith_openvino.model import OpenVinoModel
from edgesmith_openvino.runtime import OpenVino

SIZE = 16


def installed(hook: str, name: str) -> Any:
    """Return a class that an installed plugin brings, found as edgesmith finds it."""
    for entry in entry_points(group="edgesmith"):
        for cls in getattr(entry.load(), hook, list)():
            if cls.name == name:
                return cls
    raise LookupError(f"no {hook} brings {name!r}")


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep Prefect's database, edgesmith's store and whatever libraries leave in a home folder out of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("EDGESMITH_STORE", str(tmp_path_factory.mktemp("store")))
        patch.delenv("PREFECT_API_URL", raising=False)
        yield


@pytest.fixture(scope="session")
def onnx_runtime() -> type[Runtime]:
    """edgesmith's runtime for ONNX files."""
    return installed("edgesmith_runtimes", "onnxruntime")


@pytest.fixture(scope="session")
def digits() -> type[Dataset]:
    """edgesmith's dataset of handwritten digits."""
    return installed("edgesmith_datasets", "digits")


@pytest.fixture(scope="session")
def make_onnx(digits: type[Dataset]) -> Callable[..., OnnxModel]:
    """Write an ONNX artifact: two convolutions, a mean over pixels, a linear layer; ten classes."""

    def make(folder: Path, batch: int | None = 1, ops: tuple[str, str] = ("Relu", "Relu")) -> OnnxModel:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
        from onnxruntime import InferenceSession

        draw = np.random.default_rng(0).normal
        weights = {
            "first.weight": draw(0, 0.3, (8, 3, 3, 3)), "first.bias": draw(0, 0.1, 8),
            "second.weight": draw(0, 0.2, (16, 8, 3, 3)), "second.bias": draw(0, 0.1, 16),
            "head.weight": draw(0, 0.5, (10, 16)), "head.bias": draw(0, 0.1, 10),
        }  # fmt: skip
        around = {"strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
        nodes = [
            helper.make_node("Conv", ["image", "first.weight", "first.bias"], ["a"], "first", **around),
            helper.make_node(ops[0], ["a"], ["b"], "first.act"),
            helper.make_node("Conv", ["b", "second.weight", "second.bias"], ["c"], "second", **around),
            helper.make_node(ops[1], ["c"], ["d"], "second.act"),
            helper.make_node("GlobalAveragePool", ["d"], ["e"], "pool"),
            helper.make_node("Flatten", ["e"], ["f"], "flat"),
            helper.make_node("Gemm", ["f", "head.weight", "head.bias"], ["logits"], "head", transB=1),
        ]
        graph = helper.make_graph(
            nodes,
            "main",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch or "batch", 3, SIZE, SIZE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [batch or "batch", 10])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
        )
        folder.mkdir(parents=True, exist_ok=True)
        made = OnnxModel(folder)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), made.file)
        contract = InputContract(size=(SIZE, SIZE), classes=tuple("0123456789"), batch=batch)
        contract.write(folder / CONTRACT_FILE)
        split = digits(digits.Params()).split("val")
        pixels = contract.pixels([split.image(index) for index in range(4)])
        session = InferenceSession(made.file)
        logits = [session.run(None, {"image": row[None]})[0] for row in contract.feed(pixels)]
        write_golden(folder, pixels, np.concatenate(logits))
        return made

    return make


@pytest.fixture(scope="session")
def onnx_model(make_onnx: Callable[..., OnnxModel], tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    """The classifier, for one image at a time."""
    return make_onnx(tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="session")
def convert() -> Callable[..., OpenVinoModel]:
    """Write an OpenVINO artifact of an ONNX one, as the stage does, unchecked."""

    def write(source: OnnxModel, folder: Path, *, half: bool = False) -> OpenVinoModel:
        from edgesmith_openvino.backend import openvino
        from edgesmith_openvino.ir import save

        made = OpenVinoModel(folder)
        save(openvino().convert_model(source.file), made.xml, half=half)
        carry(source, folder)
        return made

    return write


@pytest.fixture(scope="session")
def float_model(
    onnx_model: OnnxModel, convert: Callable[..., OpenVinoModel], tmp_path_factory: pytest.TempPathFactory
) -> OpenVinoModel:
    """The classifier as OpenVINO IR."""
    return convert(onnx_model, tmp_path_factory.mktemp("float"))


@pytest.fixture
def context(onnx_runtime: type[Runtime], digits: type[Dataset]) -> Callable[[Path], LocalContext]:
    """Make a context that runs both formats and knows the digits."""
    return lambda folder: LocalContext(folder, datasets=[digits], runtimes=[onnx_runtime, OpenVino])
