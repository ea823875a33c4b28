"""Run an ML Program on torch tensors, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, MissingInput
from edgesmith_stages.mil.dtypes import BY_NAME, HELD_FLOAT, Mode, held
from edgesmith_stages.mil.features import Features
from edgesmith_stages.mil.kernels.state import State
from edgesmith_stages.mil.modes import Finish
from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.plan import BlockPlan, Plan, Step, plan
from edgesmith_stages.mil.program import read_function
from edgesmith_stages.mil.rounding import Rounder, keep_memory
from edgesmith_stages.mil.valuetypes import StateType, describe
from edgesmith_stages.mil.watch import Watch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Tap: TypeAlias = "Callable[[str, Any], None]"


class Interpreter:
    """A package's function, planned once and run as often as wanted.

    Values are kept only until their last use. An instance serves one thread at a time.

    Args:
        package: the package, or its path.
        mode: `declared` computes in float32 and rounds each result to its declared dtype; `fp32`, `fp64` and `fp16`
            hold and compute all floats in that dtype.
        threads: torch's intra-op threads, for the whole process; as they are by default.
        function: of a package with several; its default by default.
        watch: whether to look for results that are infinite or no numbers, which costs about 3 % of the time; or a
            `Watch` that looks for more.

    Attributes:
        features: the described inputs and outputs.
        watch: what was lost so far; None if nobody looked.

    Raises:
        UserError: the package cannot be read or run; see `Package`, `read_function` and `plan`.
    """

    def __init__(
        self,
        package: Package | Path,
        mode: Mode = "declared",
        *,
        threads: int | None = None,
        function: str | None = None,
        watch: Watch | bool = True,
    ) -> None:
        import torch

        if mode not in HELD_FLOAT:
            raise UserError(f"unknown mode {mode!r} (known: {', '.join(HELD_FLOAT)})")
        if threads is not None:
            torch.set_num_threads(threads)
        keep_memory()
        self.package = package if isinstance(package, Package) else Package.open(package)
        self.mode = mode
        self.watch = (Watch() if watch else None) if isinstance(watch, bool) else watch
        self._held = partial(held, mode=mode)
        described = read_function(self.package.spec, function)
        self.function = described
        self.features = Features.read(self.package.spec, described)
        self._tap: Tap | None = None
        self._round = Rounder()
        with torch.inference_mode():
            self._plan: Plan = plan(self.package, described, mode, self._results)

    def new_state(self) -> dict[str, State]:
        """Return fresh state, zeros, for `run` to change: by name of the state."""
        import torch

        states = {}
        for value in self.function.block.inputs:
            if isinstance(value.type, StateType):
                dtype = self._held(value.type.tensor.dtype)
                states[value.name] = State(torch.zeros([size or 0 for size in value.type.tensor.shape], dtype=dtype))
        return states

    @property
    def constants(self) -> Mapping[str, Mapping[str, Any]]:
        """What each operation of the function's block knows before a run, weights above all: by operation, argument."""
        return {step.name: step.constants for step in self._plan.block.steps}

    def know(self, constants: Mapping[str, Mapping[str, Any]]) -> None:
        """Give operations other constants, such as those of a compressed copy of the package.

        Args:
            constants: by operation, all its constant arguments; the others keep what they know.
        """
        block = self._plan.block
        steps = tuple(
            replace(step, constants=dict(constants[step.name])) if step.name in constants else step
            for step in block.steps
        )
        self._plan = replace(self._plan, block=replace(block, steps=steps))

    def run(
        self,
        inputs: Mapping[str, NDArray[np.generic]],
        *,
        state: Mapping[str, State] | None = None,
        taps: Tap | None = None,
    ) -> dict[str, Any]:
        """Run the function once.

        Args:
            inputs: arrays by input name. An image input takes uint8 [1, H, W, C], RGB or grey, or what the program
                itself takes, [1, C, H, W] in its own channel order.
            state: from `new_state`; by default the run starts from fresh state and forgets it.
            taps: called with the name and the tensor of every operation's result, as soon as it is there. The tensor
                may share memory with others: copy what is to be kept and changed.

        Returns:
            By output name: arrays, of the declared dtype in mode `declared` and of the mode's dtype else; a label as
            str or int; probabilities as a dict by label.

        Raises:
            UserError: an input is missing, unknown or of the wrong size; an operation cannot be computed.
        """
        import torch

        given = self.features.tensors(inputs, self._held)
        states = self.new_state() if state is None else state
        slots = list(self._plan.slots)
        for value, number in zip(self.function.block.inputs, self._plan.block.inputs, strict=True):
            slots[number] = states[value.name] if isinstance(value.type, StateType) else given.pop(value.name)
        self._tap = taps
        try:
            with torch.inference_mode():
                self._run(self._plan.block, slots)
        finally:
            self._tap = None
        return {
            name: self._output(name, slots[number])
            for name, number in zip(self._plan.names, self._plan.block.outputs, strict=True)
        }

    def _run(self, block: BlockPlan, slots: list[Any]) -> None:
        tap = self._tap
        held = self._held
        for step in block.steps:
            arguments = dict(step.constants)
            for key, number in step.given:
                arguments[key] = slots[number]
            for key, places in step.filled:
                values = list(arguments[key])
                for place, number in places:
                    values[place] = slots[number]
                arguments[key] = values
            blocks = [partial(self._nested, one, slots) for one in step.blocks]
            results = self._results(step, Call(step.type, step.name, arguments, step.declared, held, blocks))
            del arguments, blocks
            for number, result in zip(step.slots, results, strict=True):
                slots[number] = result
            if tap is not None:
                for name, result in zip(step.names, results, strict=True):
                    tap(name, result)
            del results
            for number in step.frees:
                slots[number] = None

    def _nested(self, block: BlockPlan, slots: list[Any], *values: Any) -> tuple[Any, ...]:
        for number, value in zip(block.inputs, values, strict=True):
            slots[number] = value
        del values
        self._run(block, slots)
        results = tuple(slots[number] for number in block.outputs)
        for number in block.leaves:
            slots[number] = None
        return results

    def _results(self, step: Step, call: Call) -> Sequence[Any]:
        """Run a step's kernel, and finish what it gives."""
        try:
            given = step.kernel(call)
            results = given if isinstance(given, (list, tuple)) else (given,)
            if len(results) != len(step.slots):
                raise UserError(f"{step} gives {len(results)} results, the program declares {len(step.slots)}")
            return [
                result if how is None else self._finished(step, call, result, how)
                for result, how in zip(results, step.finishes, strict=True)
            ]
        except UserError:
            raise
        except Exception as error:  # a kernel raises whatever torch does on arguments that don't fit
            reason = str(error) if isinstance(error, MissingInput) else f"{type(error).__name__}: {error}"
            raise UserError(f"{step} cannot be computed: {reason}", hint="the program may be damaged") from error

    def _finished(self, step: Step, call: Call, result: Tensor, how: Finish) -> Tensor:
        if result.dtype is not how.held:
            result = result.to(how.held)
        if result.shape != how.shape and not _fits(result.shape, how):
            raise UserError(
                f"{step} gives the shape {list(result.shape)}, the program declares {describe(how.open)}",
                hint="the program is damaged, or the reference runtime misreads the operation",
            )
        watch = self.watch if how.watched else None
        before = int(result.count_nonzero()) if watch is not None and watch.underflow else None
        if how.rounded is not None:
            result = self._round(result, how.rounded, call.arguments.values())
        if watch is not None:
            watch.see(step.type, step.name, call.arguments.values(), result, before)
        return result

    def _output(self, name: str, value: Any) -> Any:
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        declared = BY_NAME[self.features.dtypes[name]]
        if self.mode == "declared" and declared.in_numpy:
            value = value.to(declared.stored_dtype)
        return value.numpy()


def _fits(found: tuple[int, ...], how: Finish) -> bool:
    if how.shape is not None or len(found) != len(how.open):
        return False
    return all(wanted is None or size == wanted for size, wanted in zip(found, how.open, strict=True))
