"""TFLite files of a few operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgesmith import InputContract, TfliteModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_stages.formats.tflite import write

SIZE = 4
Step = tuple[str, Sequence[str], str, Sequence[int], Mapping[str, Any]]
"""An operator's kind, the names of its inputs, name and shape of its result, its options."""


def proto(steps: Sequence[Step], numbers: Mapping[str, Any]) -> Any:
    """A ModelT from `image`, [1, 4, 4, 3], to the last step's result, with constants by name."""
    from ai_edge_litert import schema_py_generated as schema

    graph, model = schema.SubGraphT(), schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [], [schema.BufferT()]
    graph.tensors, graph.operators = [], []
    places: dict[str, int] = {}

    def tensor(name: str, shape: Sequence[int], value: Any = None) -> None:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name.encode(), list(shape), schema.TensorType.FLOAT32, 0
        if value is not None:
            held = schema.BufferT()
            held.data = np.frombuffer(value.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            made.type = schema.TensorType.INT32 if value.dtype == np.int32 else schema.TensorType.FLOAT32
            model.buffers.append(held)
        places[name] = len(graph.tensors)
        graph.tensors.append(made)

    tensor("image", [1, SIZE, SIZE, 3])
    for name, value in numbers.items():
        tensor(name, value.shape, value)
    for number, (kind, inputs, output, shape, options) in enumerate(steps):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        tensor(output, shape)
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            number,
            [places[one] for one in inputs],
            [places[output]],
        )
        for name, fields in options.items():
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            operator.builtinOptions = getattr(schema, f"{name}T")()
            for key, value in fields.items():
                setattr(operator.builtinOptions, key, value)
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    graph.inputs, graph.outputs = [0], [places[steps[-1][2]]]
    model.signatureDefs = [_signature(schema, graph)]
    return model


def artifact(folder: Path, steps: Sequence[Step], numbers: Mapping[str, Any]) -> TfliteModel:
    """An artifact of such a file, with three golden images of noise."""
    from edgesmith.parity import outputs_of
    from edgesmith_stages.runtimes.litert import LiteRT

    folder.mkdir(parents=True, exist_ok=True)
    made, runtime = TfliteModel(folder), LiteRT()
    write(proto(steps, numbers), made.file)
    contract = InputContract(size=(SIZE, SIZE), layout="NHWC", batch=1)
    contract.write(folder / CONTRACT_FILE)
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    runtime.load(made, threads=1)
    write_golden(folder, pixels, outputs_of(runtime, contract, pixels, batch=1))
    return made


def _signature(schema: Any, graph: Any) -> Any:
    made = schema.SignatureDefT()
    made.signatureKey, made.subgraphIndex = b"serving_default", 0
    made.inputs, made.outputs = schema.TensorMapT(), schema.TensorMapT()
    made.inputs.name, made.inputs.tensorIndex = b"image", graph.inputs[0]
    made.outputs.name, made.outputs.tensorIndex = b"logits", graph.outputs[0]
    made.inputs, made.outputs = [made.inputs], [made.outputs]
    return made
