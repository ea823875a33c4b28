"""Control flow, and lists of tensors. A list is a value: writing gives another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgesmith_stages.mil.call import Call, Kernel, Results
from edgesmith_stages.mil.dtypes import BY_NAME

if TYPE_CHECKING:
    from torch import Tensor

MAX_STEPS = 1 << 20
"""Where a loop is given up, so that a program that never ends is an error."""


@dataclass(frozen=True)
class TensorList:
    """A list of tensors of one shape and dtype.

    Attributes:
        items: the tensors; None where none was written yet.
        empty: what is read there: zeros, or None where the program leaves the elements' shape open.
        grows: whether writing past the end lengthens it.
    """

    items: tuple[Any, ...]
    empty: Any
    grows: bool

    def read(self, index: int) -> Tensor:
        """The element at an index from 0 on; negative ones count from the end."""
        found = self.items[index]
        if found is None and self.empty is None:
            raise ValueError(f"the list's element {index} is read before it is written")
        tensor: Tensor = self.empty if found is None else found
        return tensor

    def written(self, indices: Sequence[int], values: Sequence[Tensor]) -> TensorList:
        """A list with other elements at some indices."""
        items = list(self.items)
        for index, value in zip(indices, values, strict=True):
            if index >= MAX_STEPS:
                raise ValueError(f"a list's index is {index}, the largest here is {MAX_STEPS - 1}")
            if self.grows and index >= len(items):
                items += [None] * (index + 1 - len(items))
            items[index] = value
        return replace(self, items=tuple(items))


def cond(call: Call) -> Results:
    """Run the first block where `pred` is true, else the second."""
    return call.blocks[0 if call.flag("pred") else 1]()


def while_loop(call: Call) -> Results:
    """Run the second block on the loop variables while the first gives true."""
    test, body = call.blocks
    carried: Sequence[Any] = call.tensors("loop_vars")
    for _ in range(MAX_STEPS):
        if not bool(test(*carried)[0]):
            return carried
        carried = body(*carried)
    raise ValueError(f"its condition is still true after {MAX_STEPS:,} steps")


def make_list(call: Call) -> Any:
    """`init_length` unwritten elements; `elem_shape` has strings where a size is open."""
    import torch

    sizes = call.tensors("elem_shape") if call.has("elem_shape") else ["?"]
    dtype = call.held(call.choice("dtype", BY_NAME, "fp32"))
    fixed = [int(size) for one in sizes if not isinstance(one, str) for size in one.reshape(-1)]
    known = not any(isinstance(one, str) for one in sizes)
    # One zero seen from everywhere: nothing is allocated by a size alone.
    empty = torch.zeros((), dtype=dtype).expand(fixed) if known else None
    length = call.int("init_length", 1)
    if not 0 <= length <= MAX_STEPS:
        raise ValueError(f"init_length is {length}, expected 0 to {MAX_STEPS}")
    return TensorList((None,) * length, empty, call.flag("dynamic_length", True))


def list_length(call: Call) -> Tensor:
    """How many elements it has, int32."""
    import torch

    return torch.tensor(len(_list(call).items), dtype=torch.int32)


def list_write(call: Call) -> Any:
    """A list with `value` at `index`."""
    return _list(call).written([call.int("index")], [call.tensor("value")])


def list_read(call: Call) -> Tensor:
    """The element at `index`."""
    return _list(call).read(call.int("index"))


def list_gather(call: Call) -> Tensor:
    """The elements at `indices`, stacked on a new first axis."""
    import torch

    return torch.stack([_list(call).read(index) for index in call.ints("indices")])


def list_scatter(call: Call) -> Any:
    """A list with the slices of `value` along its first axis at `indices`."""
    return _list(call).written(call.ints("indices"), list(call.tensor("value")))


def _list(call: Call) -> TensorList:
    given: TensorList = call.given("ls")
    return given


KERNELS: Mapping[tuple[str, int], Kernel] = {
    ("cond", 5): cond,
    ("while_loop", 5): while_loop,
    ("make_list", 5): make_list,
    ("list_length", 5): list_length,
    ("list_write", 5): list_write,
    ("list_read", 5): list_read,
    ("list_gather", 5): list_gather,
    ("list_scatter", 5): list_scatter,
}
