"""Writes small packages from Core ML's protobuf messages, without coremltools and in milliseconds."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.dtypes import BY_NAME, STRING, STRING_NUMBER
from edgesmith_stages.mil.proto import mil_messages, model_messages
from edgesmith_stages.mil.valuetypes import DictionaryType, ListType, StateType, ValueType

MIL, MODEL = mil_messages(), model_messages()
WEIGHTS = "@model_path/weights/weight.bin"
ARRAY = {"fp32": 65568, "fp64": 65600, "int32": 131104, "fp16": 65552, "int8": 131080}
NAMES = {"float32": "fp32", "float16": "fp16", "float64": "fp64"}
FIELDS = {"f4": "floats", "f8": "doubles", "b1": "bools", "i4": "ints", "i2": "ints", "u2": "ints", "i8": "longInts"}


def type_message(declared: ValueType) -> Any:
    """A type as a message."""
    if isinstance(declared, ListType):
        made = MIL.ValueType()
        made.listType.type.CopyFrom(type_message(declared.element))
        made.listType.length.unknown.variadic = False
        return made
    if isinstance(declared, DictionaryType):
        made = MIL.ValueType()
        made.dictionaryType.keyType.CopyFrom(type_message(declared.key))
        made.dictionaryType.valueType.CopyFrom(type_message(declared.value))
        return made
    if isinstance(declared, StateType):
        made = MIL.ValueType()
        made.stateType.wrappedType.CopyFrom(type_message(declared.tensor))
        return made
    made = MIL.ValueType()
    made.tensorType.dataType = STRING_NUMBER if declared.dtype == STRING else BY_NAME[declared.dtype].number
    made.tensorType.rank = len(declared.shape)
    for size in declared.shape:
        one = made.tensorType.dimensions.add()
        if size is None:
            one.unknown.variadic = False
        else:
            one.constant.size = size
    return made


def value(given: Any, dtype: str | None = None) -> Any:
    """A constant as a message: a str, a list of str or int (a MIL list), an array, a number, or a ready message."""
    if isinstance(given, MIL.Value):
        return given
    made = MIL.Value()
    if isinstance(given, list):
        made.type.CopyFrom(type_message(ListType(TensorType(STRING if isinstance(given[0], str) else "int64"))))
        made.immediateValue.list.values.extend(value(one, None if isinstance(one, str) else "int64") for one in given)
        return made
    if isinstance(given, str):
        made.type.CopyFrom(type_message(TensorType(STRING)))
        made.immediateValue.tensor.strings.values.append(given)
        return made
    array = np.asarray(given, dtype and NAMES_TO_NUMPY.get(dtype, dtype))
    if dtype is None:
        array = array.astype({"float64": np.float32, "int64": np.int32}.get(array.dtype.name, array.dtype))
    made.type.CopyFrom(type_message(TensorType(NAMES.get(array.dtype.name, array.dtype.name), array.shape)))
    field = FIELDS.get(array.dtype.str[1:], "bytes")
    holder = getattr(made.immediateValue.tensor, field)
    if field == "bytes":
        holder.values = array.tobytes()
    else:
        holder.SetInParent()
        holder.values.extend(array.reshape(-1).tolist())
    return made


NAMES_TO_NUMPY = {mil: numpy for numpy, mil in NAMES.items()}


def blob_value(offset: int, declared: TensorType, name: str = WEIGHTS) -> Any:
    """A constant that is in a weight file."""
    made = MIL.Value(type=type_message(declared))
    made.blobFileValue.fileName, made.blobFileValue.offset = name, offset
    return made


def blob_file(*blobs: tuple[str, bytes]) -> tuple[bytes, list[int]]:
    """The bytes of a weight file with these blobs (dtype and data), and the offsets by which programs name them."""
    made, offsets = bytearray(struct.pack("<II56x", len(blobs), 2)), []
    for dtype, data in blobs:
        made += bytes(-len(made) % 64)
        offsets.append(len(made))
        made += struct.pack("<IIQQ40x", 0xDEADBEEF, BY_NAME[dtype].blob, len(data), len(made) + 64) + data
    return bytes(made), offsets


def operation(
    type: str,
    outputs: Mapping[str, ValueType],
    blocks: Sequence[Any] = (),
    attributes: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Any:
    """An operation. Arguments: the name of a value as "%name", a tuple for variadic ones, else a literal."""
    made = MIL.Operation(type=type, blocks=blocks)
    for name, declared in outputs.items():
        made.outputs.add(name=name).type.CopyFrom(type_message(declared))
    for key, given in (attributes or {}).items():
        made.attributes[key].CopyFrom(value(given))
    for key, given in arguments.items():
        for one in given if isinstance(given, tuple) else (given,):
            binding = made.inputs[key].arguments.add()
            if isinstance(one, str) and one.startswith("%"):
                binding.name = one[1:]
            else:
                binding.value.CopyFrom(value(one))
    return made


def constant(name: str, given: Any) -> Any:
    """A `const` operation."""
    made = MIL.Operation(type="const")
    made.attributes["val"].CopyFrom(value(given))
    made.outputs.add(name=name).type.CopyFrom(made.attributes["val"].type)
    return made


def block(outputs: Sequence[str], *operations: Any, inputs: Mapping[str, ValueType] | None = None) -> Any:
    """A block."""
    made = MIL.Block(outputs=outputs, operations=operations)
    for name, declared in (inputs or {}).items():
        made.inputs.add(name=name).type.CopyFrom(type_message(declared))
    return made


def model(
    inputs: Mapping[str, ValueType],
    outputs: Sequence[str],
    *operations: Any,
    opset: int = 7,
    kinds: Mapping[str, str] | None = None,
) -> Any:
    """A whole model with one function, main; every input and output is described as an array.

    Args:
        kinds: outputs that are described as something else: "label" or "probabilities".
    """
    made = MODEL.Model(specificationVersion=opset + 1)
    function = made.mlProgram.functions["main"]
    function.opset = f"CoreML{opset}"
    function.block_specializations[function.opset].CopyFrom(block(outputs, *operations))
    made.mlProgram.version = 1
    for name, declared in inputs.items():
        function.inputs.add(name=name).type.CopyFrom(type_message(declared))
        if isinstance(declared, StateType):
            continue
        assert isinstance(declared, TensorType)
        feature = made.description.input.add(name=name).type.multiArrayType
        feature.shape.extend(size or 1 for size in declared.shape or (1,))
        feature.dataType = ARRAY.get(declared.dtype, ARRAY["fp32"])
    for name in outputs:
        feature = made.description.output.add(name=name)
        kind = (kinds or {}).get(name)
        if kind == "label":
            feature.type.stringType.SetInParent()
            made.description.predictedFeatureName = name
        elif kind == "probabilities":
            feature.type.dictionaryType.stringKeyType.SetInParent()
            made.description.predictedProbabilitiesName = name
        else:
            feature.type.multiArrayType.dataType = ARRAY["fp32"]
    return made


def write(folder: Path, spec: Any, weights: bytes | None = None) -> Path:
    """Write a package and return its path; `spec` is a model's message, or bytes."""
    package = folder / "model.mlpackage"
    home = package / "Data" / "com.apple.CoreML"
    home.mkdir(parents=True)
    (home / "model.mlmodel").write_bytes(spec if isinstance(spec, bytes) else spec.SerializeToString())
    entries = {"1": {"path": "com.apple.CoreML/model.mlmodel", "name": "model.mlmodel"}}
    if weights is not None:
        (home / "weights").mkdir()
        (home / "weights" / "weight.bin").write_bytes(weights)
        entries["2"] = {"path": "com.apple.CoreML/weights", "name": "weights"}
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": "1"}
    (package / "Manifest.json").write_text(json.dumps(manifest))
    return package


def small(folder: Path) -> Path:
    """A program with a bit of everything: y = relu(x @ weight + bias) [2, 3], in halves; weights in a file."""
    weight = np.arange(12, dtype=np.float16).reshape(3, 4) / 8
    indices = np.packbits(np.array([0, 1, 1], np.uint8), bitorder="little").tobytes()
    data, (first, second) = blob_file(("fp16", weight.tobytes()), ("uint1", indices))
    half, whole = TensorType("fp16", (2, 3)), TensorType("fp32", (2, 3))
    spec = model(
        {"x": TensorType("fp32", (2, 4))},
        ["y"],
        constant("weight", blob_value(first, TensorType("fp16", (3, 4)))),
        operation(
            "constexpr_lut_to_dense",
            {"bias": TensorType("fp16", (3,))},
            indices=blob_value(second, TensorType("uint1", (3,))),
            lut=np.array([-1, 0.5], np.float16).reshape(1, 2, 1),
        ),
        constant("half", "fp16"),
        operation("cast", {"x_half": TensorType("fp16", (2, 4))}, x="%x", dtype="%half"),
        operation("linear", {"product": half}, x="%x_half", weight="%weight", bias="%bias"),
        operation("relu", {"positive": half}, x="%product"),
        operation("cast", {"y": whole}, x="%positive", dtype="fp32"),
        opset=8,
    )
    return write(folder, spec, data)
