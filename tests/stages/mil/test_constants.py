"""Constants of every type, within the specification and in files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.constants import Constants
from edgesmith_stages.mil.dtypes import held
from edgesmith_stages.mil.package import Package

from .packages import MIL, WEIGHTS, blob_file, blob_value, model, type_message, value, write


@pytest.fixture
def constants(tmp_path: Path) -> Constants:
    """Those of a package with one blob: the halves 0 to 5."""
    data, _ = blob_file(("fp16", np.arange(6, dtype=np.float16).tobytes()))
    return Constants(Package.open(write(tmp_path, model({}, []), data)), partial(held, mode="declared"))


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i4", "i2", "i1", "u1", "u2", "i8", "b1"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
def test_tensors(constants: Constants, dtype: str, shape: tuple[int, ...]) -> None:
    """Each field of a tensor's message; empty ones and scalars too."""
    wanted = np.random.default_rng(0).integers(0, 60_000, shape).astype(dtype)
    found = constants.decode(value(wanted), "x")
    assert found.shape == shape
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_large_unsigned_numbers(constants: Constants) -> None:
    """The format has no field for uint32: large numbers are written as negative ones, or as bytes."""
    message = MIL.Value(type=type_message(TensorType("uint32", (2,))))
    message.immediateValue.tensor.ints.values.extend([-1, 7])
    assert constants.decode(message, "x").tolist() == [2**32 - 1, 7]
    message.immediateValue.tensor.bytes.values = np.array([2**32 - 1, 7], np.uint32).tobytes()
    assert constants.decode(message, "x").tolist() == [2**32 - 1, 7]


def test_packed_bits(constants: Constants) -> None:
    """Sub-byte elements are packed here as in files."""
    message = MIL.Value(type=type_message(TensorType("int4", (3,))))
    message.immediateValue.tensor.bytes.values = bytes([0xF7, 0x08])
    assert constants.decode(message, "x").tolist() == [7, -1, -8]


def test_text_lists_and_dictionaries(constants: Constants) -> None:
    """What is no number stays what it is in Python."""
    pair = MIL.DictionaryValue.KeyValuePair(key=value("a"), value=value(1.5))
    table = MIL.Value()
    table.immediateValue.dictionary.values.append(pair)
    assert constants.decode(value("same"), "x") == "same"
    assert constants.decode(value(["a", "b"]), "x") == ["a", "b"]
    assert constants.decode(value([3, 4]), "x") == [3, 4]
    assert constants.decode(table, "x")["a"].item() == 1.5


def test_files(constants: Constants) -> None:
    """A blob in the declared shape, in the dtype that the mode holds it in."""
    found = constants.decode(blob_value(64, TensorType("fp16", (2, 3))), "x")
    assert (found.dtype, found.tolist()) == (torch.float32, [[0, 1, 2], [3, 4, 5]])


def changed(given: Any, declared: TensorType) -> Any:
    message = value(given)
    message.type.CopyFrom(type_message(declared))
    return message


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (changed(np.ones(3, "f4"), TensorType("fp32", (1 << 30,))), "3 elements, needs 1073741824"),
        (changed(np.ones(3, "f2"), TensorType("fp16", (4,))), "6 bytes, needs 8"),
        (changed(np.ones(3, "f4"), TensorType("int32", (3,))), "in floats, expected ints for int32"),
        (changed("a", TensorType("string", (2,))), "1 strings, its type 2"),
        (changed(np.ones(3, "f4"), TensorType("fp32", (None,))), "no tensor of known shape"),
        (MIL.Value(type=type_message(TensorType("fp32"))), "it has no value"),
        (blob_value(64, TensorType("string", (2,))), "string in a weight file"),
        (blob_value(64, TensorType("fp32", (6,))), "the program declares fp32"),
        (blob_value(64, TensorType("fp16", (6,)), WEIGHTS + "x"), r"weight\.binx' is missing"),
    ],
)
def test_damage(constants: Constants, message: Any, error: str) -> None:
    """Type and content disagree."""
    with pytest.raises(UserError, match=error):
        constants.decode(message, "x")
