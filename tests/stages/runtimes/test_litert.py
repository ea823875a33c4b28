"""LiteRT, on files built by hand: fast, and independent of the exporter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import InputContract, TfliteModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import RuntimeContract
from edgesmith_stages.formats.tflite import write
from edgesmith_stages.runtimes.litert import LiteRT

SCALE, ZERO = 0.05, 3


def write_model(folder: Path, *, quantised: bool = False, open_batch: bool = False) -> TfliteModel:
    """A file that gives the image back, flattened: [N, 48]; its input and output perhaps int8."""
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str, shape: list[int], **fields: Any) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), shape, schema.TensorType.FLOAT32, 0
        for key, value in fields.items():
            setattr(made, key, value)
        return made

    def real_or_int8(name: str, shape: list[int]) -> Any:
        fields: dict[str, Any] = {"shapeSignature": [-1, *shape[1:]]} if open_batch else {}
        if quantised:
            fields["quantization"] = schema.QuantizationParametersT()
            fields["quantization"].scale, fields["quantization"].zeroPoint = [SCALE], [ZERO]
            fields["type"] = schema.TensorType.INT8
        return tensor(name, shape, **fields)

    folder.mkdir(parents=True, exist_ok=True)
    shape = schema.BufferT()
    shape.data = np.frombuffer(np.array([-1, 48], "<i4").tobytes(), np.uint8)
    code, operator, graph, model = schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1], [2]
    wanted = tensor("shape", [2], type=schema.TensorType.INT32, buffer=1)
    graph.tensors = [real_or_int8("image", [1, 4, 4, 3]), wanted, real_or_int8("flat", [1, 48])]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), shape]
    made = TfliteModel(folder)
    write(model, made.file)
    contract = InputContract(size=(4, 4), layout="NHWC", batch=None if open_batch else 1)
    contract.write(folder / CONTRACT_FILE)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    write_golden(folder, pixels, contract.feed(pixels).reshape(3, 48).astype(np.float32))
    return made


class TestLiteRT(RuntimeContract):
    """The contract of runtimes."""

    runtime = LiteRT

    def model(self, folder: Path) -> TfliteModel:
        """The model by hand."""
        return write_model(folder)


def test_integer_inputs_and_outputs_are_quantised_here() -> None:
    """See below for a model; the arithmetic alone: round to nearest, stay in range, floats elsewhere untouched."""
    from edgesmith_stages.runtimes.litert import _quantised, _real

    detail = {"dtype": np.int8, "quantization": (SCALE, ZERO)}
    found = _quantised(np.array([0, 0.024, 0.026, 100, -100], np.float32), detail)
    assert found.tolist() == [3, 3, 4, 127, -128]
    np.testing.assert_allclose(_real(found, detail), [0, 0, 0.05, 6.2, -6.55], atol=1e-6)
    ready = np.array([1, 2], np.int8)
    assert _quantised(ready, detail) is not None
    assert _quantised(ready, detail).tolist() == [1, 2]


def test_an_int8_file_takes_floats(tmp_path: Path) -> None:
    """To within half a step."""
    model = write_model(tmp_path, quantised=True)
    runtime = LiteRT()
    runtime.load(model, threads=1)
    pixels, values = model.golden()
    np.testing.assert_allclose(runtime.predict(model.contract.feed(pixels[:1])), values[:1], atol=SCALE / 2 + 1e-6)


def test_an_open_batch_is_resized(tmp_path: Path) -> None:
    """Back and forth."""
    model = write_model(tmp_path, open_batch=True)
    runtime = LiteRT()
    runtime.load(model, threads=1)
    pixels, values = model.golden()
    for count in (3, 1, 2):
        np.testing.assert_allclose(runtime.predict(model.contract.feed(pixels[:count])), values[:count], atol=1e-6)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    """Not a crash of the process."""
    model = write_model(tmp_path)
    model.file.write_bytes(model.file.read_bytes()[:40])
    with pytest.raises(ValueError):
        LiteRT().load(model, threads=1)
