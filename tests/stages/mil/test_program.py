"""Programs that contradict themselves are refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.program import Literal, Ref, count_operations, read_function
from edgesmith_stages.mil.valuetypes import MAX_ELEMENTS, DictionaryType, ListType, StateType, value_type

from .packages import MIL, block, model, operation, type_message

X = TensorType("fp32", (2, None))
FLAG = TensorType("bool")


def relu(name: str = "y", source: str = "%x") -> Any:
    return operation("relu", {name: X}, x=source)


def test_what_is_read() -> None:
    """Names, types, arguments: references, literals, attributes."""
    spec = model({"x": X}, ["y"], operation("concat", {"y": X}, attributes={"interleave": False}, values=("%x", 3.0)))
    function = read_function(spec)
    (found,) = function.block.operations
    assert (function.name, function.opset, function.block.outputs) == ("main", 7, ("y",))
    assert (found.type, found.name, found.outputs[0].type) == ("concat", "y", X)
    first, second = found.arguments["values"]
    assert first == Ref("x")
    assert isinstance(second, Literal)
    assert isinstance(found.arguments["interleave"][0], Literal)


@pytest.mark.parametrize(
    "declared",
    [
        X,
        FLAG,
        TensorType("string"),
        ListType(X),
        DictionaryType(TensorType("string"), FLAG),
        StateType(TensorType("fp16", (3,))),
    ],
)
def test_types(declared: Any) -> None:
    """Each kind of type."""
    assert value_type(type_message(declared), "x") == declared


def test_a_block_reads_from_outside() -> None:
    """What its blocks read counts as read by the operation."""
    branches = [block(["a"], relu("a")), block(["b"], relu("b", "%z"))]
    spec = model({"x": X, "z": X, "p": FLAG}, ["y"], operation("cond", {"y": X}, branches, pred="%p"))
    (found,) = read_function(spec).block.operations
    assert list(found.names()) == ["p", "x", "z"]
    assert count_operations(read_function(spec).block) == {"cond": 1, "relu": 2}


LOOP = {"loop_vars": ("%x", "%x")}
BAD: dict[str, tuple[Any, ...]] = {
    r"relu 'y' reads the value 'q', which nothing before it gives": (relu(source="%q"),),
    r"relu 'y' reads the value 'z', which nothing before": (relu(source="%z"), relu("z")),
    r"the function 'main' gives the value 'y' twice": (relu(), relu()),
    r"the function 'main' gives the value 'x' twice": (relu("x"), relu()),
    r"the function 'main' reads the value 'y', which": (relu("z"),),
    r"cond 'y' has 1 blocks, expected 2": (operation("cond", {"y": X}, [block(["x"])], pred=True),),
    r"relu 'y' has 1 blocks, expected 0": (operation("relu", {"y": X}, [block([])], x="%x"),),
    r"cond 'y' has 1 and 0 results, expected 1": (operation("cond", {"y": X}, [block(["x"]), block([])], pred=True),),
    r"while_loop 'y' has 1 and 1 block inputs, expected 2": (
        operation("while_loop", {"y": X}, [block(["a"], inputs={"a": X})] * 2, **LOOP),
    ),
    r"while_loop 'y' has 2 results of its condition": (
        operation("while_loop", {"y": X, "z": X}, [block(["a", "b"], inputs={"a": X, "b": X})] * 2, **LOOP),
    ),
    r"const 'y' has 1 outputs, expected one, and a value": (operation("const", {"y": X}),),
    r"relu 'y', input 'x' is bound to nothing": (
        MIL.Operation(
            type="relu", inputs={"x": MIL.Argument(arguments=[{}])}, outputs=[{"name": "y", "type": type_message(X)}]
        ),
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_contradictions(message: str) -> None:
    """Unknown and repeated values, wrong arity."""
    with pytest.raises(UserError, match=message):
        read_function(model({"x": X}, ["y"], *BAD[message]))


@pytest.mark.parametrize("shape", [(1 << 62,), (1 << 20, 1 << 20), (0, 1 << 63), (MAX_ELEMENTS + 1,)])
def test_absurd_shapes(shape: tuple[int, ...]) -> None:
    """Refused by their numbers: nothing is allocated."""
    with pytest.raises(UserError, match="declared with the shape"):
        read_function(model({"x": X}, ["y"], operation("relu", {"y": TensorType("fp32", shape)}, x="%x")))


def test_odd_types() -> None:
    """An open rank, a rank that contradicts the dimensions, an unknown element type, no type."""
    many = type_message(X)
    many.tensorType.dimensions[1].unknown.variadic = True
    with pytest.raises(UserError, match="open rank"):
        value_type(many, "x")
    many.tensorType.rank = 5
    with pytest.raises(UserError, match="rank 5 and 2 dimensions"):
        value_type(many, "x")
    many.tensorType.dataType = 99
    with pytest.raises(UserError, match="number 99"):
        value_type(many, "x")
    with pytest.raises(UserError, match="no type"):
        value_type(MIL.ValueType(), "x")
    with pytest.raises(UserError, match="without a fixed tensor type"):
        value_type(type_message(StateType(X)), "x")


def test_functions() -> None:
    """The default one, one by name, one that isn't there."""
    spec = model({"x": X}, ["y"], relu())
    spec.mlProgram.functions["other"].CopyFrom(spec.mlProgram.functions["main"])
    assert read_function(spec).name == "main"
    assert read_function(spec, "other").name == "other"
    spec.description.defaultFunctionName = "other"
    assert read_function(spec).name == "other"
    with pytest.raises(UserError, match=r"unknown function of the package 'othr'; did you mean 'other'"):
        read_function(spec, "othr")


def test_opsets() -> None:
    """A block for the function's opset, of a name that is known."""
    spec = model({"x": X}, ["y"], relu())
    spec.mlProgram.functions["main"].opset = "CoreML8"
    with pytest.raises(UserError, match="no block for its opset 'CoreML8'"):
        read_function(spec)
    spec.mlProgram.functions["main"].opset = "MPS"
    spec.mlProgram.functions["main"].block_specializations["MPS"].SetInParent()
    with pytest.raises(UserError, match="written in the opset 'MPS'"):
        read_function(spec)
