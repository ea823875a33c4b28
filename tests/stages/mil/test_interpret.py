"""The interpreter, on small programs written as protobuf messages."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.interpret import Interpreter
from edgesmith_stages.mil.kernels import control
from edgesmith_stages.mil.valuetypes import DictionaryType, ListType, StateType

from .packages import block, constant, model, operation, small, write

X = TensorType("fp32", (2, 3))
HALF = TensorType("fp16", (2, 3))
FLAG, NUMBER = TensorType("bool"), TensorType("int32")
INPUT = {"x": np.arange(6, dtype=np.float32).reshape(2, 3) / 7}

Load = Callable[..., Interpreter]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a program and load it: operations, then the arguments of `model` and of `Interpreter`."""

    def make(
        *operations: Any, inputs: Any = None, outputs: Any = ("y",), opset: int = 7, **options: Any
    ) -> Interpreter:
        kinds = options.pop("kinds", None)
        spec = model({"x": X} if inputs is None else inputs, outputs, *operations, opset=opset, kinds=kinds)
        return Interpreter(write(tmp_path, spec), **options)

    return make


def test_a_program(tmp_path: Path) -> None:
    """Weights from a file, a compressed bias, halves: against numpy."""
    x = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    weight, bias = np.arange(12).reshape(3, 4) / 8, np.array([-1, 0.5, 0.5])
    product = (x.astype(np.float16).astype(np.float64) @ weight.T + bias).astype(np.float32).astype(np.float16)
    found = Interpreter(small(tmp_path)).run({"x": x})
    assert set(found) == {"y"}
    assert found["y"].dtype == np.float32
    np.testing.assert_array_equal(found["y"], np.maximum(product, 0).astype(np.float32))


@pytest.mark.parametrize(("mode", "dtype"), [("declared", "f4"), ("fp32", "f4"), ("fp64", "f8"), ("fp16", "f2")])
def test_modes(load: Load, mode: str, dtype: str) -> None:
    """Each computes in its own dtype; only `declared` rounds to the program's."""
    found = load(
        operation("cast", {"h": HALF}, x="%x", dtype="fp16"),
        operation("mul", {"m": HALF}, x="%h", y="%h"),
        operation("cast", {"y": X}, x="%m", dtype="fp32"),
        mode=mode,
    ).run(INPUT)["y"]
    x = INPUT["x"].astype(np.float16).astype(dtype) if mode == "declared" else INPUT["x"].astype(dtype)
    wanted = (x * x).astype(np.float16).astype(dtype) if mode == "declared" else x * x
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, wanted)


def test_an_unknown_mode(tmp_path: Path) -> None:
    """The known ones are named."""
    with pytest.raises(UserError, match="unknown mode 'int8'"):
        Interpreter(small(tmp_path), "int8")  # type: ignore[arg-type]


def test_taps_see_every_result(tmp_path: Path) -> None:
    """By name, in order; constants are no results."""
    seen: dict[str, Any] = {}
    made = Interpreter(small(tmp_path))
    wanted = made.run({"x": np.ones((2, 4))}, taps=lambda name, tensor: seen.update({name: tensor.clone()}))
    assert list(seen) == ["x_half", "product", "positive", "y"]
    np.testing.assert_array_equal(seen["y"].numpy(), wanted["y"])


def test_operations_can_be_given_other_constants(tmp_path: Path) -> None:
    """Such as those of a compressed copy; the others keep theirs."""
    x, made = {"x": np.ones((2, 4), np.float32)}, Interpreter(small(tmp_path))
    before, known = made.run(x)["y"], made.constants["product"]
    made.know({"product": {**known, "weight": torch.zeros(3, 4)}})
    np.testing.assert_array_equal(made.run(x)["y"], np.maximum(np.tile([-1, 0.5, 0.5], (2, 1)), 0))
    made.know({"product": known})
    np.testing.assert_array_equal(made.run(x)["y"], before)


def test_values_are_freed_after_their_last_use(load: Load) -> None:
    """Of a chain of ten, two are alive at a time."""
    names = ["x", *(f"v{place}" for place in range(9)), "y"]
    steps = [operation("exp", {new: X}, x=f"%{old}") for old, new in itertools.pairwise(names)]
    alive: list[weakref.ref[Any]] = []
    counts: list[int] = []

    def count(name: str, tensor: Any) -> None:
        alive.append(weakref.ref(tensor))
        counts.append(sum(one() is not None for one in alive))

    gc.disable()
    try:
        load(*steps).run(INPUT, taps=count)
    finally:
        gc.enable()
    assert max(counts) == 2


def test_all_unknown_operations_are_listed(load: Load) -> None:
    """With counts, nested ones too, and those that begin with a later opset."""
    inside = block(["z"], operation("warp", {"z": X}, x="%x"))
    attention = dict.fromkeys(("query", "key", "value"), "%x")
    with pytest.raises(UserError) as error:
        load(
            operation("warp", {"a": X}, x="%x"),
            operation("cond", {"b": X}, [inside, block(["a"])], pred=True),
            operation("custom_layer", {"c": X}, x="%x"),
            operation("scaled_dot_product_attention", {"y": X}, **attention),
        )
    assert error.value.message.endswith(
        "custom_layer (1), scaled_dot_product_attention (1, which begins with CoreML8), warp (2)"
    )


def test_variadic_arguments(load: Load) -> None:
    """Values and constants mixed, in their order."""
    ones = constant("ones", np.ones((1, 3), np.float32))
    joined = operation("concat", {"y": TensorType("fp32", (4, 3))}, values=("%ones", "%x", "%ones"), axis=0)
    found = load(ones, joined).run(INPUT)["y"]
    np.testing.assert_array_equal(found, np.concatenate([np.ones((1, 3)), INPUT["x"], np.ones((1, 3))]))


def test_constants_may_be_results(load: Load) -> None:
    """As they are."""
    found = load(constant("y", np.array([1.0, 2.0], np.float32))).run(INPUT)
    assert found["y"].tolist() == [1, 2]


@pytest.mark.parametrize("pred", [True, False])
def test_cond(load: Load, pred: bool) -> None:
    """One of two blocks, which read values from outside; one gives a constant."""
    yes = block(["a"], operation("mul", {"a": X}, x="%x", y=2.0))
    no = block(["b"], constant("b", np.zeros((2, 3), np.float32)))
    made = load(operation("cond", {"y": X}, [yes, no], pred="%p"), inputs={"x": X, "p": FLAG})
    np.testing.assert_array_equal(made.run({**INPUT, "p": np.array([pred])})["y"], INPUT["x"] * 2 * pred)


def loop(limit: int) -> Any:
    """(n, v) = (0, x); while n < limit: (n, v) = (n + 1, v * 2)."""
    carried = {"n": NUMBER, "v": X}
    test = block(["go"], operation("less", {"go": FLAG}, x="%n", y=limit), inputs=carried)
    body = block(
        ["m", "w"],
        operation("add", {"m": NUMBER}, x="%n", y=1),
        operation("mul", {"w": X}, x="%v", y=2.0),
        inputs=carried,
    )
    return operation("while_loop", {"n_end": NUMBER, "y": X}, [test, body], loop_vars=(0, "%x"))


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_while_loop(load: Load, limit: int) -> None:
    """Run again, it starts again."""
    made = load(loop(limit))
    for _ in range(2):
        np.testing.assert_array_equal(made.run(INPUT)["y"], INPUT["x"] * 2**limit)


def test_a_loop_without_an_end(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up."""
    monkeypatch.setattr(control, "MAX_STEPS", 20)
    with pytest.raises(UserError, match=r"while_loop 'n_end' cannot be computed: .*still true after 20 steps"):
        load(loop(100)).run(INPUT)


def test_lists(load: Load) -> None:
    """A list of tensors through a program."""
    row = TensorType("fp32", (3,))
    rows = ListType(row)
    found = load(
        operation("make_list", {"a": rows}, init_length=1, elem_shape=(3,), dtype="fp32"),
        operation("list_scatter", {"b": rows}, ls="%a", indices=np.array([2, 0], np.int32), value="%x"),
        operation("list_gather", {"y": TensorType("fp32", (3, 3))}, ls="%b", indices=np.arange(3, dtype=np.int32)),
        operation("list_length", {"n": NUMBER}, ls="%b"),
        outputs=["y", "n"],
    ).run(INPUT)
    np.testing.assert_array_equal(found["y"], np.stack([INPUT["x"][1], np.zeros(3), INPUT["x"][0]]))
    assert found["n"] == 3


def counter(load: Load) -> Interpreter:
    """state += x; y = state."""
    return load(
        operation("read_state", {"old": HALF}, input="%total"),
        operation("cast", {"half": HALF}, x="%x", dtype="fp16"),
        operation("add", {"new": HALF}, x="%old", y="%half"),
        operation("write_state", {}, input="%total", data="%new"),
        operation("read_state", {"now": HALF}, input="%total"),
        operation("cast", {"y": X}, x="%now", dtype="fp32"),
        inputs={"x": X, "total": StateType(HALF)},
        opset=8,
    )


def test_state(load: Load) -> None:
    """It outlives a run if the caller keeps it; each begins at zero."""
    made = counter(load)
    one, other = made.new_state(), made.new_state()
    x = np.ones((2, 3), np.float32)
    for wanted in (1, 2, 3):
        assert made.run({"x": x}, state=one)["y"].max() == wanted
    assert made.run({"x": x}, state=other)["y"].max() == 1
    assert made.run({"x": x})["y"].max() == 1


def test_a_classifier(load: Load) -> None:
    """A label and a probability for each."""
    found = load(
        operation(
            "classify",
            {"label": TensorType("string"), "probs": DictionaryType(TensorType("string"), TensorType("fp64"))},
            probabilities="%x",
            classes=["a", "b", "c"],
        ),
        inputs={"x": TensorType("fp32", (1, 3))},
        outputs=["label", "probs"],
        kinds={"label": "label", "probs": "probabilities"},
    ).run({"x": np.array([[0.25, 0.5, 0.25]])})
    assert found == {"label": "b", "probs": {"a": 0.25, "b": 0.5, "c": 0.25}}


def test_several_functions(tmp_path: Path) -> None:
    """Each has its own description."""
    spec = model({"x": X}, ["y"], operation("relu", {"y": X}, x="%x"))
    other = model({"z": X}, ["w"], operation("square", {"w": X}, x="%z"))
    spec.mlProgram.functions["other"].CopyFrom(other.mlProgram.functions["main"])
    for name, one in (("main", spec), ("other", other)):
        described = spec.description.functions.add(name=name)
        described.input.extend(one.description.input)
        described.output.extend(one.description.output)
    spec.description.ClearField("input")
    spec.description.ClearField("output")
    package = write(tmp_path, spec)
    assert set(Interpreter(package).run(INPUT)) == {"y"}
    found = Interpreter(package, function="other").run({"z": INPUT["x"]})
    np.testing.assert_array_equal(found["w"], INPUT["x"] ** 2)


BAD: dict[str, Any] = {
    r"relu 'y' cannot be computed: it lacks the input 'x'": operation("relu", {"y": X}),
    r"gelu y: unknown mode 'EXCAT'; did you mean 'EXACT'": operation("gelu", {"y": X}, x="%x", mode="EXCAT"),
    r"matmul 'y' cannot be computed: RuntimeError": operation("matmul", {"y": X}, x="%x", y="%x"),
    r"square 'y' gives the shape \[2, 3\], the program declares \[3, \?\]": operation(
        "square", {"y": TensorType("fp32", (3, None))}, x="%x"
    ),
    r"relu 'y' gives 1 results, the program declares 2": operation("relu", {"y": X, "z": X}, x="%x"),
    r"fill 'y' cannot be computed": operation(
        "fill", {"y": TensorType("fp32", (None,))}, shape=np.array([1 << 30] * 3, np.int32), value=1.0
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_operations_that_cannot_be_computed(load: Load, message: str) -> None:
    """The error names the operation."""
    with pytest.raises(UserError, match=message):
        load(BAD[message]).run(INPUT)


def test_compressed_constants_are_checked(load: Load) -> None:
    """They are made while loading: from constants alone, and never larger than declared."""
    lut = np.zeros((1, 2, 1), np.float16)
    with pytest.raises(UserError, match="reads values that are no constants"):
        load(operation("constexpr_lut_to_dense", {"y": X}, indices="%x", lut=lut), opset=8)


def test_a_compressed_constant_of_absurd_size(load: Load) -> None:
    """iOS16's form has its shape as an argument, which a kernel would allocate by."""
    with pytest.raises(UserError, match=r"makes the shape \[1048576, 1048576\], not its type's"):
        load(
            operation(
                "constexpr_sparse_to_dense",
                {"y": X},
                attributes={
                    "nonzero_data": np.ones(1, np.float32),
                    "mask": np.ones(1, np.uint8),
                    "shape": np.array([1 << 20, 1 << 20], np.int32),
                },
            )
        )


def test_inference_mode_and_threads(tmp_path: Path) -> None:
    """Nothing records gradients; threads are torch's."""
    before = torch.get_num_threads()
    try:
        made = Interpreter(small(tmp_path), threads=1)
        assert torch.get_num_threads() == 1
        made.run(
            {"x": np.ones((2, 4))}, taps=lambda name, tensor: torch.testing.assert_close(tensor.requires_grad, False)
        )
    finally:
        torch.set_num_threads(before)
