"""State is read and replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from edgesmith_stages.mil.kernels.state import KERNELS, State

from .calls import call


def on(operation: str, **arguments: Any) -> Any:
    return KERNELS[operation, 8](replace(call(operation), arguments=arguments))


def test_writing_leaves_what_was_read() -> None:
    """A reader keeps its tensor."""
    state = State(torch.zeros(2))
    before = on("read_state", input=state)
    assert on("write_state", input=state, data=torch.ones(2)) == ()
    assert before.tolist() == [0, 0]
    assert on("read_state", input=state).tolist() == [1, 1]
    assert on("coreml_update_state", state=state, value=torch.full((2,), 7.0)).tolist() == [7, 7]
    assert state.value.tolist() == [7, 7]
