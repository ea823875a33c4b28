"""State: tensors that outlive a run (opset CoreML8, iOS18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith_stages.mil.call import Call, Kernel, Results

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class State:
    """A cell that holds a tensor. Writing replaces the tensor: what was read before stays as it was."""

    value: Any


def read_state(call: Call) -> Tensor:
    """The state's content."""
    cell: State = call.given("input")
    found: Tensor = cell.value
    return found


def write_state(call: Call) -> Results:
    """Replace the state's content by `data`; no result. Saved programs have it where PyMIL updates a state."""
    call.given("input").value = call.tensor("data")
    return ()


def coreml_update_state(call: Call) -> Tensor:
    """Replace the state's content by `value`, which is also the result."""
    call.given("state").value = call.tensor("value")
    return call.tensor("value")


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("read_state", 8): read_state,
    ("write_state", 8): write_state,
    ("coreml_update_state", 8): coreml_update_state,
}
