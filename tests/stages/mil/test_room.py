"""Programs that would compute something absurdly large: refused before memory is taken for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import UserError
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.interpret import Interpreter

from .packages import model, operation, write

X = TensorType("fp32", (1, 2, 4, 4))
OPEN = TensorType("fp32", (None,) * 4)
CUBE = TensorType("fp32", (None,) * 3)
FLAT = TensorType("fp32", (None,) * 2)
BIG, BIGGER = 1 << 16, 1 << 17


def integers(*given: int) -> Any:
    return np.array(given, np.int32)


COLUMN, ROW = np.zeros((BIGGER, 1), np.float32), np.zeros((1, BIG), np.float32)
AROUND = integers(BIG, BIG, BIG, BIG)
SHAPE = integers(1, 1, BIGGER, BIG)
POOL = {"x": "%x", "kernel_sizes": integers(1, 1), "strides": integers(1, 1), "ceil_mode": False}
CONV = {"x": "%x", "strides": integers(1, 1), "dilations": integers(1, 1), "groups": np.int32(1)}
ABSURD = {
    "tile": operation("tile", {"y": OPEN}, x="%x", reps=integers(1, 1, BIG, BIG)),
    "fill": operation("fill", {"y": OPEN}, shape=SHAPE, value=1.5),
    "pad": operation("pad", {"y": OPEN}, x="%x", pad=AROUND, mode="constant", constant_val=np.float32(0)),
    "one_hot": operation("one_hot", {"y": FLAT}, indices=np.zeros(BIG, np.int32), one_hot_vector_size=np.int32(BIGGER)),
    "range_1d": operation("range_1d", {"y": FLAT}, start=np.float32(0), end=np.float32(1e10), step=np.float32(1)),
    "upsample_bilinear": operation(
        "upsample_bilinear",
        {"y": OPEN},
        x="%x",
        scale_factor_height=np.float32(BIG),
        scale_factor_width=np.float32(BIG),
    ),
    "resize_nearest_neighbor": operation(
        "resize_nearest_neighbor",
        {"y": OPEN},
        x="%x",
        target_size_height=np.int32(BIGGER),
        target_size_width=np.int32(BIG),
    ),
    "random_uniform": operation("random_uniform", {"y": OPEN}, shape=SHAPE, low=np.float32(0), high=np.float32(1)),
    "add": operation("add", {"y": FLAT}, x=COLUMN, y=ROW),
    "real_div": operation("real_div", {"y": FLAT}, x=COLUMN, y=ROW),
    "matmul": operation("matmul", {"y": FLAT}, x=COLUMN, y=ROW),
    "einsum": operation("einsum", {"y": FLAT}, values=(COLUMN, ROW), equation="nc,cm->nm"),
    "linear": operation("linear", {"y": FLAT}, x=COLUMN, weight=ROW.reshape(BIG, 1)),
    "conv": operation(
        "conv", {"y": OPEN}, weight=np.zeros((1, 2, 1, 1), np.float32), pad=AROUND, pad_type="custom", **CONV
    ),
    "conv_transpose": operation(
        "conv_transpose",
        {"y": OPEN},
        weight=np.zeros((2, 1, 2, 2), np.float32),
        pad_type="valid",
        **CONV | {"dilations": integers(BIGGER, BIG)},
    ),
    "space_to_batch": operation(
        "space_to_batch", {"y": OPEN}, x="%x", paddings=AROUND.reshape(2, 2), block_shape=integers(2, 2)
    ),
    "non_maximum_suppression": operation(
        "non_maximum_suppression",
        {"y": CUBE, "s": CUBE, "i": TensorType("int32", (None,) * 2)},
        boxes=np.zeros((1, 4, 2), np.float32),
        scores=np.zeros((1, 1, 2), np.float32),
        iou_threshold=np.float32(0.5),
        max_boxes=np.int32(1 << 30),
        per_class_suppression=False,
    ),
    "max_pool": operation("max_pool", {"y": OPEN}, pad=AROUND, pad_type="custom", **POOL),
    "gather": operation(
        "gather", {"y": FLAT}, x=ROW.reshape(1, BIG), indices=np.zeros(BIGGER, np.int32), axis=np.int32(0)
    ),
}


@pytest.mark.parametrize("name", ABSURD)
def test_more_than_any_tensor_may_have(tmp_path: Path, name: str) -> None:
    package = write(tmp_path, model({"x": X}, ["y"], ABSURD[name], opset=8))
    with pytest.raises(UserError, match=rf"{name} 'y' cannot be computed: ValueError: its .* would have the shape"):
        Interpreter(package).run({"x": np.ones(X.shape, np.float32)})  # type: ignore[arg-type]


WITHIN = integers(*[10_000] * 4)
LARGE = {
    "tile": {"x": "%x", "reps": integers(1, 1, 8192, 8192)},
    "pad": {"x": "%x", "pad": WITHIN, "mode": "constant", "constant_val": np.float32(0)},
    "space_to_batch": {"x": "%x", "paddings": WITHIN.reshape(2, 2), "block_shape": integers(2, 2)},
    "conv_transpose": {
        "weight": np.zeros((2, 1, 1, 1), np.float32),
        "pad_type": "same",
        **CONV | {"strides": integers(5000, 5000)},
    },
}


@pytest.mark.parametrize("name", LARGE)
def test_more_than_is_declared(tmp_path: Path, name: str) -> None:
    """1.5 to 8 GiB, which a tensor may have, but not one that is declared to have 32 elements."""
    package = write(tmp_path, model({"x": X}, ["y"], operation(name, {"y": X}, **LARGE[name])))
    with pytest.raises(UserError, match="expected at most 32"):
        Interpreter(package).run({"x": np.ones(X.shape, np.float32)})  # type: ignore[arg-type]
