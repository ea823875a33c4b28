"""Layers, found by the names of weights."""

from __future__ import annotations

import numpy as np
from onnx import helper

from edgesmith_stages.quantize.onnx_layers import layers

from .onnx_graphs import proto


def test_a_node_belongs_to_its_weights_layer_or_comes_after_one() -> None:
    """Constants of the exporter's, which have no dots in their names, are nobody's."""
    nodes = [
        helper.make_node("Relu", ["image"], ["a"], name="first"),
        helper.make_node("Mul", ["a", "blocks.0.conv.weight"], ["b"], name="conv"),
        helper.make_node("Add", ["b", "val_7"], ["c"], name="add"),
        helper.make_node("Mul", ["c", "head.weight"], ["last"], name="head"),
    ]
    numbers = {"blocks.0.conv.weight": np.ones((3, 1, 1)), "val_7": 1, "head.weight": 2}
    assert layers(proto(nodes, numbers).graph) == {
        "first": "",
        "conv": " (layer blocks.0.conv)",
        "add": " (after layer blocks.0.conv)",
        "head": " (layer head)",
        "flatten": " (after layer head)",
    }
