"""What is made of ONNX Runtime's float16 converter."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgesmith_stages.quantize.onnx_cast import converted, named

from .onnx_graphs import proto


@st.composite
def graphs(draw: st.DrawFn) -> Any:
    """Additions and activations of earlier results, of each other's weights too, and which of them to keep."""
    tensors, nodes = ["image"], []
    for place in range(draw(st.integers(1, 6))):
        one, two = (draw(st.sampled_from([*tensors, "scale", "shift"])) for _ in range(2))
        if one in ("scale", "shift"):
            one = "image"
        kind = draw(st.sampled_from(("Add", "Mul", "Relu")))
        nodes.append(helper.make_node(kind, [one] if kind == "Relu" else [one, two], [f"t{place}"], name=f"n{place}"))
        tensors.append(f"t{place}")
    nodes.append(helper.make_node("Add", [tensors[-1], "image"], ["last"], name="end"))
    kept = draw(st.sets(st.sampled_from([*(node.name for node in nodes), "flatten"])))
    return proto(nodes, {"scale": np.full((3, 1, 1), 0.5), "shift": np.full((3, 1, 1), 0.25)}), kept


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_every_choice_of_kept_nodes_gives_a_valid_file(given_: tuple[Any, set[str]]) -> None:
    """In order, no name twice, the same function; and nothing passes through halves between kept nodes."""
    model, kept = given_
    before = model.SerializeToString()
    half, _ = converted(model, sorted(kept))
    assert model.SerializeToString() == before
    onnx.checker.check_model(half, full_check=True)
    image = np.random.default_rng(0).random((1, 3, 2, 2), np.float32)
    wanted, found = (
        onnxruntime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"image": image}
        )[0]
        for one in (model, half)
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=0.02, atol=0.02)
    casts = {node.output[0]: node for node in half.graph.node if node.op_type == "Cast"}
    back = [node for node in casts.values() if node.attribute[0].i == TensorProto.FLOAT]
    assert all(node.input[0] not in casts for node in back if node.output[0] != "logits")
    if kept >= {node.name for node in model.graph.node}:
        np.testing.assert_array_equal(found, wanted)


def test_casts_of_the_models_own_are_left_alone() -> None:
    """Of integers, whatever kept node reads them."""
    nodes = [
        helper.make_node("Size", ["image"], ["count"], name="size"),
        helper.make_node("Cast", ["count"], ["number"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["image", "number"], ["last"], name="mul"),
    ]
    half, _ = converted(proto(nodes, {}), ["mul", "flatten"])
    onnx.checker.check_model(half, full_check=True)
    image = np.random.default_rng(0).random((1, 3, 2, 2), np.float32)
    session = onnxruntime.InferenceSession(half.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"image": image})[0], image.reshape(1, 12) * 12)


def test_nodes_get_names_of_their_own() -> None:
    """Those without one, and those with another's."""
    nodes = [helper.make_node("Relu", ["image"], ["a"]), helper.make_node("Relu", ["a"], ["last"], name="flatten")]
    names = [node.name for node in named(proto(nodes, {})).graph.node]
    assert len(set(names)) == 3
    assert "" not in names
