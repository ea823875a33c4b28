"""What a saved program's weights are, and what they take."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesmith_stages.mil.package import Package
from edgesmith_stages.mil.program import Block, read_function
from edgesmith_stages.quantize.coreml.tensors import constant_bytes, operations, weights

from ...mil.packages import small


@pytest.fixture
def block(tmp_path: Path) -> Block:
    """A linear layer in halves with a weight [3, 4], and a bias of three bits and two halves."""
    return read_function(Package.open(small(tmp_path)).spec).block


def test_weights_and_their_readers(block: Block) -> None:
    """Constants of two dimensions and enough elements; a bias is none."""
    assert weights(block, least=11) == {"weight": ("product",)}
    assert weights(block, least=12) == {}


def test_operations_as_tuning_sees_them(block: Block) -> None:
    """In order, without constants; only those with weights can be compressed."""
    found = operations(block, {"product"})
    assert [(one.name, one.op, one.inputs, one.quantisable) for one in found] == [
        ("x_half", "cast", ("x",), False),
        ("product", "linear", ("x_half",), True),
        ("positive", "relu", ("product",), False),
        ("y", "cast", ("positive",), False),
    ]


def test_bytes_are_those_in_the_file(block: Block) -> None:
    """Compressed constants by what they are made from: one byte of indices, two entries of a palette."""
    assert constant_bytes(block)["product"] == 3 * 4 * 2 + 1 + 2 * 2
