"""Operations by role and by block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.quantize.graph import Operation, blocks, of_types, roles


def operation(name: str, op: str, *inputs: str, weights: bool = False) -> Operation:
    """One that gives a tensor of its own name."""
    return Operation(name, op, inputs, (name,), constants=weights, weights=weights)


STEM = [operation("conv", "Conv", "image", weights=True), operation("relu", "Relu", "conv")]
RESIDUAL = [
    operation("up", "Conv", "relu", weights=True),
    operation("down", "Conv", "up", weights=True),
    operation("add", "Add", "down", "relu"),
]
ATTENTION = [
    operation("qkv", "Gemm", "add", weights=True),
    operation("scores", "MatMul", "qkv"),
    operation("softmax", "Softmax", "scores"),
    operation("mixed", "MatMul", "softmax", "qkv"),
    operation("head", "Gemm", "mixed", weights=True),
]


def test_a_block_is_what_one_tensor_connects() -> None:
    """A layer with its activation; a residual block whole; a product of two activations with what they come from."""
    assert blocks([*STEM, *RESIDUAL, *ATTENTION], 99) == {
        "conv": ("conv", "relu"),
        "up": ("up", "down", "add"),
        "qkv": ("qkv", "scores", "softmax", "mixed"),
        "head": ("head",),
    }


def test_large_blocks_are_looked_into_once_more() -> None:
    """Under a skip connection around five layers, each is a block of its own."""
    inside = [operation(f"l{i}", "Conv", f"l{i - 1}" if i else "relu", weights=True) for i in range(5)]
    found = blocks([*STEM, *inside, operation("sum", "Add", "l4", "relu")], 99)
    assert list(found) == ["conv", "l0", "l1", "l2", "l3", "l4"]
    assert found["l4"] == ("l4", "sum")


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=40), st.integers(1, 12))
def test_blocks_share_out_all_operations_in_order(edges: list[tuple[int, bool]], at_most: int) -> None:
    """Whatever the graph: none is lost or twice, and there are no more blocks than asked for."""
    names = ["image", *(f"n{i}" for i in range(len(edges)))]
    operations = [
        operation(f"n{i}", "Op", names[i], names[max(0, i + 1 - back)], weights=weights)
        for i, (back, weights) in enumerate(edges)
    ]
    found = blocks(operations, at_most)
    assert [name for block in found.values() for name in block] == names[1:]
    assert len(found) <= at_most


def test_roles_tell_linear_layers_from_products_of_activations() -> None:
    """In the order of the file; what the quantiser doesn't know is left out."""
    unknown = Operation("odd", "Einsum", ("head",), ("odd",), quantisable=False)
    assert roles([operation("linear", "MatMul", "x", weights=True), *ATTENTION[1:4], unknown]) == {
        "MatMul with constants": ("linear",),
        "MatMul": ("scores", "mixed"),
        "Softmax": ("softmax",),
    }


def test_a_type_that_is_not_there_is_told() -> None:
    """With the nearest one."""
    assert of_types(ATTENTION, ("MatMul",)) == ("scores", "mixed")
    with pytest.raises(UserError, match="unknown operator in `exclude` 'Softmx'; did you mean 'Softmax'"):
        of_types(ATTENTION, ("Softmx",))
