"""The structure of an ML Program: functions, blocks, operations and typed values, checked as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from edgesmith import UserError
from edgesmith.errors import unknown
from edgesmith_stages.mil.valuetypes import ValueType, value_type

_OPSET = "CoreML"
_BLOCKS = {"cond": 2, "while_loop": 2}
_HINT = "export the model again, or copy the package again"


@dataclass(frozen=True)
class Value:
    """A value's name and declared type."""

    name: str
    type: ValueType


@dataclass(frozen=True)
class Ref:
    """An argument that is the value of this name."""

    name: str


@dataclass(frozen=True)
class Literal:
    """An argument that is written where it is used: a `Value` message."""

    message: Any


Argument: TypeAlias = "tuple[Ref | Literal, ...]"
"""What an input is bound to: one binding, or several where the input is variadic."""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        type: such as "conv".
        name: that of its first output, or its own where it has none.
        arguments: by input name; attributes are among them, as literals.
        outputs: declared values.
        blocks: nested blocks.
    """

    type: str
    name: str
    arguments: Mapping[str, Argument]
    outputs: tuple[Value, ...]
    blocks: tuple[Block, ...] = ()

    def names(self) -> Iterator[str]:
        """Names of the values it reads, those that its blocks read from outside included."""
        for argument in self.arguments.values():
            yield from (one.name for one in argument if isinstance(one, Ref))
        for block in self.blocks:
            yield from block.free

    def __str__(self) -> str:
        return f"the operation {self.type} {self.name!r}"


@dataclass(frozen=True)
class Block:
    """Operations in order.

    Attributes:
        inputs: values that the caller gives.
        operations: in an order in which they can run.
        outputs: names of the values that the caller gets.
        free: names of the values from outside.
    """

    inputs: tuple[Value, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]
    free: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function:
    """A function: its name, its opset (5 for iOS15, 8 for iOS18) and its block, whose inputs are the function's."""

    name: str
    opset: int
    block: Block


def read_function(spec: Any, name: str | None = None) -> Function:
    """Read one function of a package.

    Args:
        spec: a `Model` message with an ML Program.
        name: which function; by default the one that the package names, else "main".

    Raises:
        UserError: no function of that name, an absurd type, a value that nothing gives, one given twice, or a wrong
            number of outputs or blocks.
    """
    functions = spec.mlProgram.functions
    wanted = name or spec.description.defaultFunctionName or ("main" if "main" in functions else "")
    if not wanted and len(functions) == 1:
        (wanted,) = functions
    if wanted not in functions:
        raise UserError(unknown("function of the package", wanted, functions))
    function = functions[wanted]
    if function.opset not in function.block_specializations:
        raise _broken(f"the function {wanted!r} has no block for its opset {function.opset!r}")
    number = function.opset.removeprefix(_OPSET)
    if not number.isdecimal() or len(number) > 3:
        raise UserError(f"the program is written in the opset {function.opset!r}, expected {_OPSET}5 or later")
    inputs = _values(function.inputs, "the input")
    block = _block(function.block_specializations[function.opset], inputs, frozenset(), f"the function {wanted!r}")
    return Function(wanted, int(number), block)


def count_operations(block: Block) -> Counter[str]:
    """Count operations by type, nested ones included."""
    counts: Counter[str] = Counter()
    for operation in block.operations:
        counts[operation.type] += 1
        for nested in operation.blocks:
            counts.update(count_operations(nested))
    return counts


def _block(message: Any, inputs: tuple[Value, ...], outside: frozenset[str], where: str) -> Block:
    own: set[str] = set()
    free: dict[str, None] = {}

    def define(values: tuple[Value, ...]) -> None:
        for value in values:
            if value.name in own:
                raise _broken(f"{where} gives the value {value.name!r} twice")
            own.add(value.name)

    def refer(name: str, reader: object) -> None:
        if name not in own and name not in outside:
            raise _broken(f"{reader} reads the value {name!r}, which nothing before it gives")
        if name not in own:
            free[name] = None

    define(inputs)
    operations = []
    for one in message.operations:
        operation = _operation(one, outside, own)
        for name in operation.names():
            refer(name, operation)
        define(operation.outputs)
        operations.append(operation)
    for name in message.outputs:
        refer(name, where)
    return Block(inputs, tuple(operations), tuple(message.outputs), tuple(free))


def _operation(message: Any, outside: frozenset[str], own: set[str]) -> Operation:
    outputs = _values(message.outputs, f"the output of {message.type}")
    name = outputs[0].name if outputs else _own_name(message)
    where = f"the operation {message.type} {name!r}"
    arguments: dict[str, Argument] = {
        key: (Literal(value),) for key, value in message.attributes.items() if key != "name"
    }
    for key, value in message.inputs.items():
        arguments[key] = tuple(_binding(one, f"{where}, input {key!r}") for one in value.arguments)
    visible = outside | own if message.blocks else outside
    blocks = tuple(_block(one, _values(one.inputs, where), visible, f"a block of {where}") for one in message.blocks)
    operation = Operation(message.type, name, arguments, outputs, blocks)
    _check_arity(operation)
    return operation


def _binding(message: Any, where: str) -> Ref | Literal:
    kind = message.WhichOneof("binding")
    if kind == "name":
        return Ref(message.name)
    if kind == "value":
        return Literal(message.value)
    raise _broken(f"{where} is bound to nothing")


def _check_arity(operation: Operation) -> None:
    """Check what can be checked without running it."""
    if len(operation.blocks) != _BLOCKS.get(operation.type, 0):
        expected = _BLOCKS.get(operation.type, 0)
        raise _broken(f"{operation} has {len(operation.blocks)} blocks, expected {expected}")
    if operation.type == "const" and (len(operation.outputs) != 1 or "val" not in operation.arguments):
        raise _broken(f"{operation} has {len(operation.outputs)} outputs, expected one, and a value")
    if operation.type == "cond":
        _check_counts(operation, [len(block.inputs) for block in operation.blocks], 0, "block inputs")
        _check_counts(operation, [len(block.outputs) for block in operation.blocks], len(operation.outputs), "results")
    if operation.type == "while_loop":
        carried = len(operation.arguments.get("loop_vars", ()))
        test, body = operation.blocks
        _check_counts(operation, [len(test.inputs), len(body.inputs)], carried, "block inputs")
        _check_counts(operation, [len(body.outputs), len(operation.outputs)], carried, "results")
        _check_counts(operation, [len(test.outputs)], 1, "results of its condition")


def _check_counts(operation: Operation, found: list[int], expected: int, what: str) -> None:
    if any(count != expected for count in found):
        raise _broken(f"{operation} has {' and '.join(map(str, found))} {what}, expected {expected}")


def _values(messages: Any, where: str) -> tuple[Value, ...]:
    return tuple(Value(one.name, value_type(one.type, f"{where} {one.name!r}")) for one in messages)


def _own_name(message: Any) -> str:
    strings = message.attributes["name"].immediateValue.tensor.strings.values if "name" in message.attributes else ()
    return str(strings[0]) if strings else message.type


def _broken(what: str) -> UserError:
    return UserError(f"the program is damaged: {what}", hint=_HINT)
