"""Model files built by hand: small, quick, and sensitive to every pixel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import CoreMLModel, InputContract, OnnxModel, TfliteModel, write_golden
from edgesmith.artifacts import CONTRACT_FILE

SIDE, CLASSES = 8, ("cat", 'say "$9"', "a|b\n<i>")
PIXELS = SIDE * SIDE * 3
SCALE, ZERO = 0.04, -5
OUT_SCALE, OUT_ZERO = 0.1, 7


def weights() -> Any:
    """Of a linear layer, float32 [classes, pixels]."""
    return np.random.default_rng(0).normal(0, 1 / 8, (len(CLASSES), PIXELS)).astype(np.float32)


def finish(model: Any, contract: InputContract, rows: Callable[[Any], Any] = lambda rows: rows) -> Any:
    """Write the contract and the golden pair of three images; return the model."""
    contract.write(model.path / CONTRACT_FILE)
    pixels = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), np.uint8)
    write_golden(model.path, pixels, rows(contract.feed(pixels)).reshape(3, -1).astype(np.float32) @ weights().T)
    return model


@pytest.fixture
def write_onnx() -> Callable[..., OnnxModel]:
    """Write a linear classifier as ONNX, NCHW in float32."""

    def write(folder: Path, digest: str = "", **changes: Any) -> OnnxModel:
        from onnx import TensorProto, checker, helper, numpy_helper

        from edgesmith_stages.formats.onnx import save

        folder.mkdir(parents=True, exist_ok=True)
        nodes = [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights"], ["logits"], transB=1),
        ]
        given = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
        answer = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(CLASSES)])
        graph = helper.make_graph(nodes, "net", [given], [answer], [numpy_helper.from_array(weights(), "weights")])
        made = OnnxModel(folder, digest)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), made.file)
        checker.check_model(str(made.file), full_check=True)
        return finish(made, InputContract(size=(SIDE, SIDE), classes=CLASSES, **{"batch": 1, **changes}))

    return write


@pytest.fixture
def write_tflite() -> Callable[..., TfliteModel]:
    """Write a linear classifier as TFLite, NHWC; its input, weights and output perhaps int8."""

    def write(folder: Path, *, quantised: bool = False) -> TfliteModel:
        from ai_edge_litert import schema_py_generated as schema

        from edgesmith_stages.formats.tflite import write as save

        def tensor(name: str, shape: list[int], scale: float, zero: int, buffer: int = 0) -> Any:
            made = schema.TensorT()
            made.name, made.shape, made.type, made.buffer = name.encode(), shape, schema.TensorType.FLOAT32, buffer
            if quantised:
                made.type, made.quantization = schema.TensorType.INT8, schema.QuantizationParametersT()
                made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
            return made

        folder.mkdir(parents=True, exist_ok=True)
        step = float(np.abs(weights()).max() / 127)
        content = np.rint(weights() / step).astype(np.int8) if quantised else weights()
        held = schema.BufferT()
        held.data = np.frombuffer(content.tobytes(), np.uint8)
        code, operator, graph, model = schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
        code.version = 4 if quantised else 1
        operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, -1], [2]
        operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        operator.builtinOptions = schema.FullyConnectedOptionsT()
        graph.tensors = [
            tensor("image", [1, SIDE, SIDE, 3], SCALE, ZERO),
            tensor("weights", [len(CLASSES), PIXELS], step, 0, 1),
            tensor("logits", [1, len(CLASSES)], OUT_SCALE, OUT_ZERO),
        ]
        graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
        model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
        model.buffers = [schema.BufferT(), held]
        made = TfliteModel(folder)
        save(model, made.file)
        return finish(made, InputContract(size=(SIDE, SIDE), classes=CLASSES, layout="NHWC", batch=1))

    return write


@pytest.fixture
def write_coreml() -> Callable[..., CoreMLModel]:
    """Write a linear classifier as a Core ML package that takes an image or an array."""

    def write(folder: Path, *, image: bool = True, labels: bool = True) -> CoreMLModel:
        import coremltools
        from coremltools.converters.mil import Builder

        from edgesmith_stages.formats.coreml import quiet, save

        shape, target = (1, 3, SIDE, SIDE), coremltools.target.iOS17
        # Core ML's image input is planes, as NCHW is; what it is fed with is NHWC.
        ordered = weights().reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2).reshape(-1, PIXELS) if image else weights()

        @Builder.program(input_specs=[Builder.TensorSpec(shape=shape)], opset_version=target)
        def program(image: Any) -> Any:
            logits = Builder.linear(x=Builder.reshape(x=image, shape=(1, PIXELS)), weight=ordered)
            return Builder.softmax(x=logits, axis=-1, name="scores") if labels else Builder.identity(x=logits, name="y")

        given = (
            coremltools.ImageType(name="image", shape=shape, scale=1 / 255, color_layout=coremltools.colorlayout.RGB)
            if image
            else coremltools.TensorType(name="image", shape=shape, dtype=np.float32)
        )
        folder.mkdir(parents=True)
        made = CoreMLModel(folder)
        with quiet():
            model = coremltools.convert(
                program,
                convert_to="mlprogram",
                inputs=[given],
                minimum_deployment_target=target,
                compute_precision=coremltools.precision.FLOAT32,
                skip_model_load=True,
                classifier_config=coremltools.ClassifierConfig(list(CLASSES)) if labels else None,
            )
            model.author, model.user_defined_metadata["edgesmith.source"] = "Package Author", "sha-of-source"
            save(model, made.file)
        raw: dict[str, Any] = {"layout": "NHWC", "dtype": "uint8", "normalised_by": "model"} if image else {}
        output = "probabilities" if labels else "logits"
        contract = InputContract(size=(SIDE, SIDE), classes=CLASSES, batch=1, output=output, **raw)
        return finish(made, contract, lambda rows: rows / np.float32(255) if image else rows)

    return write
