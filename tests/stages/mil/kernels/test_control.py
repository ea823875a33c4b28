"""Lists as values, against Python's lists."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from edgesmith_stages.mil.kernels.control import KERNELS, MAX_STEPS, TensorList

from .calls import call


def made(**arguments: Any) -> TensorList:
    found: Any = KERNELS["make_list", 5](call("make_list", **arguments))
    return found


def on(ls: TensorList, operation: str, **arguments: Any) -> Any:
    one = call(operation, **arguments)
    return KERNELS[operation, 5](type(one)(**{**vars(one), "arguments": {**one.arguments, "ls": ls}}))


def test_writing_gives_another_list() -> None:
    """The old one stays."""
    old = made(init_length=2, elem_shape=(3,), dtype="fp32")
    new = on(old, "list_write", index=1, value=torch.ones(3))
    assert on(old, "list_read", index=1).tolist() == [0, 0, 0]
    assert on(new, "list_read", index=1).tolist() == [1, 1, 1]


@pytest.mark.parametrize("dynamic", [True, False])
def test_growing(dynamic: bool) -> None:
    """Past its end a list grows if it may."""
    old = made(init_length=1, dynamic_length=dynamic, elem_shape=(2,))
    if not dynamic:
        with pytest.raises(IndexError):
            on(old, "list_write", index=3, value=torch.ones(2))
        return
    new = on(old, "list_write", index=3, value=torch.ones(2))
    assert on(new, "list_length").item() == 4
    assert on(new, "list_gather", indices=[3, 2]).tolist() == [[1, 1], [0, 0]]


def test_open_shapes() -> None:
    """An element of unknown shape must be written before it is read."""
    old = made(elem_shape=("n", 2))
    assert on(old, "list_length").item() == 1
    with pytest.raises(ValueError, match="before it is written"):
        on(old, "list_read", index=0)
    new = on(old, "list_scatter", indices=[0, 1], value=torch.arange(4.0).reshape(2, 2))
    assert on(new, "list_read", index=1).tolist() == [2, 3]


def test_absurd_lengths_and_elements() -> None:
    """No size allocates anything by itself."""
    assert made(elem_shape=(1 << 30, 1 << 10)).items == (None,)
    with pytest.raises(ValueError, match="init_length"):
        made(init_length=MAX_STEPS + 1, elem_shape=(1,))
    with pytest.raises(ValueError, match="index"):
        on(made(elem_shape=(1,)), "list_write", index=2**31 - 1, value=torch.ones(1))
