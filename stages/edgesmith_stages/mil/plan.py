"""Turn a function into steps: constants decoded, kernels found, values numbered, last uses known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, Kernel, TensorType
from edgesmith_stages.mil.constants import Constants
from edgesmith_stages.mil.dtypes import STRING, Mode, held
from edgesmith_stages.mil.kernels.table import find, kernels
from edgesmith_stages.mil.modes import Finish, finish
from edgesmith_stages.mil.program import Argument, Block, Function, Literal, Operation, Ref, count_operations
from edgesmith_stages.mil.valuetypes import DictionaryType, ListType, StateType, ValueType, value_type

if TYPE_CHECKING:
    from edgesmith_stages.mil.package import Package


@dataclass(frozen=True)
class Step:
    """An operation that is ready to run. Values are kept in numbered slots.

    Attributes:
        kernel: computes it.
        type: the operation's type.
        name: its name.
        constants: arguments that are known; of variadic ones with a gap for each one that is not.
        given: arguments read from a slot.
        filled: variadic arguments that are not all known: name, then slot by place.
        declared: the results' types.
        finishes: how each result is finished; None for what is no tensor.
        slots: where each result goes.
        names: the results' names.
        frees: slots that nothing reads from here on.
        blocks: nested blocks.
    """

    kernel: Kernel
    type: str
    name: str
    constants: dict[str, Any]
    given: tuple[tuple[str, int], ...]
    filled: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    declared: tuple[TensorType, ...]
    finishes: tuple[Finish | None, ...]
    slots: tuple[int, ...]
    names: tuple[str, ...]
    frees: tuple[int, ...]
    blocks: tuple[BlockPlan, ...] = ()

    def __str__(self) -> str:
        return f"the operation {self.type} {self.name!r}"


@dataclass(frozen=True)
class BlockPlan:
    """Steps with the slots where a block's inputs go, those of its outputs, and those that it leaves to be freed."""

    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    leaves: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """A function that is ready to run.

    Attributes:
        block: its steps.
        slots: the slots at the start of a run: None, or a constant that the function or a block gives back.
        names: names of the function's outputs.
    """

    block: BlockPlan
    slots: Sequence[Any]
    names: tuple[str, ...]


def plan(package: Package, function: Function, mode: Mode, execute: Callable[[Step, Call], Sequence[Any]]) -> Plan:
    """Make the plan of a function.

    Args:
        package: where its weights are.
        function: the function.
        mode: how values are held.
        execute: runs one step; the `constexpr_` operations are run here.

    Raises:
        UserError: operations without a kernel, all of them in one message; damaged constants.
    """
    _refuse_unknown(function)
    return _Planner(package, function.opset, mode, execute).plan(function)


def _refuse_unknown(function: Function) -> None:
    counts = count_operations(function.block)
    missing = {name: count for name, count in counts.items() if name != "const" and find(name, function.opset) is None}
    if not missing:
        return
    listed = []
    for name, count in sorted(missing.items()):
        later = kernels().get(name)
        since = f", which begins with CoreML{min(later)}" if later else ""
        listed.append(f"{name} ({count}{since})")
    raise UserError(
        f"the program, written in CoreML{function.opset}, has operations that the reference runtime doesn't know: "
        + ", ".join(listed),
        hint="replace them in the model; a custom layer runs in its own app alone",
    )


@dataclass
class _Planner:
    package: Package
    opset: int
    mode: Mode
    execute: Callable[[Step, Call], Sequence[Any]]
    slot: dict[str, int] = field(default_factory=dict)
    types: dict[str, ValueType] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)
    start: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = partial(held, mode=self.mode)
        self.constants = Constants(self.package, self.held)

    def plan(self, function: Function) -> Plan:
        block = self.block(function.block)
        return Plan(block, self.start, function.block.outputs)

    def block(self, block: Block) -> BlockPlan:
        inputs = tuple(self.define(value.name, value.type) for value in block.inputs)
        last = _last_uses(block)
        steps = []
        for place, operation in enumerate(block.operations):
            if operation.type == "const":
                (literal,) = operation.arguments["val"]
                if not isinstance(literal, Literal):
                    raise UserError(f"the program is damaged: {operation} is bound to another value")
                self.know(operation, [self.constants.decode(literal.message, str(operation))])
            elif operation.type.startswith("constexpr_"):
                self.know(operation, self.evaluated(operation))
            else:
                steps.append(self.step(operation, last[place]))
        for name in block.outputs:
            if name in self.known:
                self.start[self.slot[name]] = self.known[name]
        own = {value.name for value in block.inputs}.union(*(step.names for step in steps))
        leaves = tuple(self.slot[name] for name in block.outputs if name in own)
        return BlockPlan(inputs, tuple(steps), tuple(self.slot[name] for name in block.outputs), leaves)

    def define(self, name: str, declared: ValueType) -> int:
        self.slot[name] = len(self.start)
        self.types[name] = declared
        self.known.pop(name, None)
        self.start.append(None)
        return self.slot[name]

    def know(self, operation: Operation, values: Sequence[Any]) -> None:
        for output, value in zip(operation.outputs, values, strict=True):
            self.define(output.name, output.type)
            self.known[output.name] = value
            shape = getattr(value, "shape", None)
            if shape is not None and not _is_of(tuple(shape), output.type):
                raise UserError(
                    f"the program is damaged: {operation} has a value of shape {list(shape)}, not its type's"
                )

    def evaluated(self, operation: Operation) -> Sequence[Any]:
        """Run a `constexpr_` operation; some give a mask and what it keeps."""
        step = self.step(operation, ())
        if step.given or step.filled:
            raise UserError(f"the program is damaged: {operation} reads values that are no constants")
        _refuse_sizes(step)
        return self.execute(step, Call(step.type, step.name, step.constants, step.declared, self.held))

    def step(self, operation: Operation, ends: tuple[str, ...]) -> Step:
        kernel = find(operation.type, self.opset)
        assert kernel is not None, operation.type
        constants: dict[str, Any] = {}
        given, filled = [], []
        for key, argument in operation.arguments.items():
            values = [self.value(one, operation) for one in argument]
            gaps = tuple((place, one.number) for place, one in enumerate(values) if isinstance(one, _Slot))
            if len(values) == 1 and gaps:
                given.append((key, gaps[0][1]))
                continue
            constants[key] = values[0] if len(values) == 1 else values
            if gaps:
                filled.append((key, gaps))
        inputs = [dtype for argument in operation.arguments.values() for dtype in self.dtypes(argument)]
        blocks = tuple(self.nested(block) for block in operation.blocks)
        slots = tuple(self.define(value.name, value.type) for value in operation.outputs)
        return Step(
            kernel=kernel,
            type=operation.type,
            name=operation.name,
            constants=constants,
            given=tuple(given),
            filled=tuple(filled),
            declared=tuple(_tensor_type(value.type) for value in operation.outputs),
            finishes=tuple(self.finish(operation, value.type, inputs) for value in operation.outputs),
            slots=slots,
            names=tuple(value.name for value in operation.outputs),
            frees=tuple(self.slot[name] for name in ends if name not in self.known),
            blocks=blocks,
        )

    def nested(self, block: Block) -> BlockPlan:
        """Plan a nested block; its names end with it."""
        slot, types, known = dict(self.slot), dict(self.types), dict(self.known)
        made = self.block(block)
        self.slot, self.types, self.known = slot, types, known
        return made

    def finish(self, operation: Operation, declared: ValueType, inputs: list[str]) -> Finish | None:
        if not isinstance(declared, TensorType) or declared.dtype == STRING:
            return None
        return finish(operation.type, declared, self.mode, inputs)

    def value(self, binding: Ref | Literal, operation: Operation) -> Any:
        if isinstance(binding, Literal):
            return self.constants.decode(binding.message, str(operation))
        return self.known[binding.name] if binding.name in self.known else _Slot(self.slot[binding.name])

    def dtypes(self, argument: Argument) -> list[str]:
        declared = [
            self.types[one.name] if isinstance(one, Ref) else value_type(one.message.type, "a literal")
            for one in argument
        ]
        return [_tensor_type(one).dtype for one in declared]


@dataclass(frozen=True)
class _Slot:
    number: int


def _tensor_type(declared: ValueType) -> TensorType:
    """The type that kernels see: lists and dictionaries by the name of their kind, states by their content."""
    if isinstance(declared, ListType):
        return TensorType(_tensor_type(declared.element).dtype)
    if isinstance(declared, DictionaryType):
        return TensorType("dictionary")
    return declared.tensor if isinstance(declared, StateType) else declared


def _is_of(shape: tuple[int, ...], declared: ValueType) -> bool:
    """Whether a tensor's shape is a declared one."""
    if not isinstance(declared, TensorType) or len(shape) != len(declared.shape):
        return False
    return all(wanted in (size, None) for size, wanted in zip(shape, declared.shape, strict=True))


def _refuse_sizes(step: Step) -> None:
    """Refuse a `shape` argument of another size than the declared one before a kernel allocates by it."""
    shape = step.constants.get("shape")
    if shape is None or isinstance(shape, (str, list)) or len(step.declared) != 1:
        return
    if math.prod(shape.reshape(-1).tolist()) != math.prod(size or 0 for size in step.declared[0].shape):
        raise UserError(f"the program is damaged: {step} makes the shape {shape.tolist()}, not its type's")


def _last_uses(block: Block) -> list[tuple[str, ...]]:
    """For each operation, the block's own values that nothing reads after it, unread results of its own included."""
    own = {value.name for value in block.inputs}
    for operation in block.operations:
        own.update(value.name for value in operation.outputs)
    seen = set(block.outputs)
    last: list[tuple[str, ...]] = []
    for operation in reversed(block.operations):
        names = [*operation.names(), *(value.name for value in operation.outputs)]
        ends = tuple(name for name in dict.fromkeys(names) if name in own and name not in seen)
        seen.update(ends)
        last.append(ends)
    return last[::-1]
