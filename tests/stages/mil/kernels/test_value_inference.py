"""Kernels against PyMIL's own constant folding (`value_inference`), where it has one."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.kernels.table import find

from .calls import run

pytestmark = pytest.mark.slow

OPSETS = {5: "iOS15", 6: "iOS16", 7: "iOS17", 8: "iOS18"}
Arguments = dict[str, Any]
Case = Callable[["Drawn"], Arguments]


class Drawn:
    """Random arguments of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def floats(self, *shape: int, low: float = -3, high: float = 3) -> Any:
        return self.random.uniform(low, high, shape).astype(np.float32)

    def ints(self, *shape: int, low: int = -9, high: int = 9) -> Any:
        return self.random.integers(low, high + 1, shape).astype(np.int32)

    def bools(self, *shape: int) -> Any:
        return self.random.random(shape) < 0.5


def one(low: float = -3, high: float = 3, **others: Any) -> list[Case]:
    """A float tensor x, and others."""
    return [lambda some: {"x": some.floats(3, 4, low=low, high=high), **others}]


def ints(**others: Any) -> list[Case]:
    """An int32 tensor x."""
    return [lambda some: {"x": some.ints(3, 4), **others}]


def two(low: float = -3) -> list[Case]:
    """Float tensors x and y that broadcast."""
    return [lambda some: {"x": some.floats(3, 1, 4, low=low), "y": some.floats(2, 1, low=low)}]


def two_ints(low: int = -9) -> list[Case]:
    """Integer tensors x and y that broadcast, y from `low` on."""
    return [lambda some: {"x": some.ints(3, 1, 4), "y": some.ints(2, 1, low=low)}]


def logic() -> list[Case]:
    return [lambda some: {"x": some.bools(3, 1), "y": some.bools(4)}]


def by_channel(*names: str) -> list[Case]:
    return [lambda some: {"x": some.floats(2, 3, 4, 5), **{name: some.floats(3) for name in names}}]


def reductions(low: float = -3) -> list[Case]:
    return [
        lambda some: {"x": some.floats(2, 3, 4, low=low)},
        lambda some: {"x": some.floats(2, 3, 4, low=low), "axes": [0, -1]},
        lambda some: {"x": some.floats(2, 3, 4, low=low), "axes": [1], "keep_dims": True},
        lambda some: {"x": some.ints(2, 3, 4, low=1), "axes": [1]},
    ]


def extremes() -> list[Case]:
    return [*one(), *one(axis=0), *one(axis=0, keep_dims=True)]


CASES: dict[str, list[Case]] = {
    # One tensor
    **{name: one() for name in ("atan", "ceil", "cos", "erf", "exp", "floor", "relu", "relu6", "round", "sigmoid")},
    **{name: one() for name in ("sin", "sinh", "softplus", "softsign", "tanh", "cosh", "reverse", "shape", "identity")},
    **{name: one() + ints() for name in ("abs", "sign", "square", "exp2")},
    **{name: one(-0.99, 0.99) for name in ("acos", "asin", "atanh", "tan")},
    **{name: one(0.1) for name in ("inverse", "log", "rsqrt", "sqrt")},
    "logical_not": [lambda some: {"x": some.bools(3, 4)}],
    "cast": [*one(dtype="int32"), *one(dtype="bool"), *ints(dtype="fp32")],
    "clip": one(alpha=-1.0, beta=2.0),
    "threshold": one(alpha=0.5) + ints(alpha=2),
    # Two tensors
    **{name: two() + two_ints() for name in ("add", "sub", "mul", "maximum", "minimum", "equal", "not_equal")},
    **{name: two() + two_ints() for name in ("greater", "greater_equal", "less", "less_equal")},
    **{name: two() + two_ints(low=1) for name in ("floor_div", "mod")},
    **{name: logic() for name in ("logical_and", "logical_or", "logical_xor")},
    "pow": two(low=0.1),
    "real_div": two(),
    "select": [lambda some: {"cond": some.bools(3, 4), "a": some.floats(3, 4), "b": some.floats(3, 4)}],
    # Activations
    "clamped_relu": one(alpha=0.3, beta=1.5),
    "elu": one(alpha=0.3),
    "gelu": [case for mode in ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION") for case in one(mode=mode)],
    "leaky_relu": one(alpha=0.3),
    "linear_activation": one(alpha=0.3, beta=-2.0),
    "prelu": by_channel("alpha"),
    "scaled_tanh": one(alpha=0.3, beta=-2.0),
    "sigmoid_hard": one(alpha=0.3, beta=0.5),
    "softmax": [*one(), *one(axis=0)],
    "softplus_parametric": by_channel("alpha", "beta"),
    "thresholded_relu": one(alpha=0.5),
    # Reductions
    **{name: reductions() for name in ("reduce_l1_norm", "reduce_l2_norm", "reduce_log_sum_exp", "reduce_max")},
    **{name: reductions() for name in ("reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "reduce_sum_square")},
    "reduce_log_sum": reductions(low=0.5),
    "reduce_argmax": extremes(),
    "reduce_argmin": extremes(),
    # Shapes and slices
    "expand_dims": [*one(axes=[0, -1]), *one(axes=[1])],
    "flatten2d": [*one(), *one(axis=-1)],
    "reshape": [*one(shape=[0, -1]), *one(shape=[2, 6])],
    "squeeze": [lambda some: {"x": some.floats(1, 3, 1)}, lambda some: {"x": some.floats(1, 3, 1), "axes": [-1]}],
    "transpose": one(perm=[1, 0]),
    "slice_by_index": [
        *one(begin=[0, -3], end=[2, -1]),
        *one(begin=[2, 0], end=[0, 0], stride=[-1, 2], end_mask=[False, True]),
        *one(begin=[-1, 1], end=[0, 9], begin_mask=[False, True], squeeze_mask=[True, False]),
    ],
    "slice_by_size": [*one(begin=[1, 0], size=[-1, 2]), *one(begin=[0, -2], size=[3, 1])],
    "slice_update": [
        lambda some: {"x": some.floats(4, 5), "update": some.floats(2, 5), "begin": [1, 0], "end": [3, 5]},
        lambda some: (
            {"x": some.floats(4, 5), "update": some.floats(2, 5), "begin": [3, 0], "end": [0, 0]}
            | {"stride": [-2, 1], "end_mask": [False, True]}
        ),
    ],
    # Joining, cutting, filling, sorting
    "concat": [lambda some: {"values": (some.floats(2, 3), some.floats(1, 3)), "axis": 0}],
    "stack": [lambda some: {"values": (some.floats(2, 3), some.floats(2, 3)), "axis": -1}],
    "split": [*one(num_splits=2, axis=-1), *one(split_sizes=[1, 2], axis=0)],
    "tile": one(reps=[2, 3]),
    "pad": [
        *one(pad=[1, 0, 2, 3], constant_val=5.0),
        *one(pad=[1, 2], mode="reflect"),
        *one(pad=[3, 0, 1, 2], mode="replicate"),
    ],
    "fill": [lambda some: {"shape": [2, 3], "value": 1.5}],
    "fill_like": [lambda some: {"ref_tensor": some.floats(2, 3), "value": 7}],
    "range_1d": [
        lambda some: {"start": 3, "end": 12, "step": 4},
        lambda some: {"start": 1.0, "end": 0.0, "step": -0.25},
    ],
    "non_zero": ints(),
    "band_part": [*one(), *one(lower=0, upper=-1), *one(lower=1, upper=0)],
    "cumsum": [*one(), *one(axis=1, reverse=True), *ints(axis=-1)],
    "argsort": [*one(), *one(axis=0, ascending=True)],
    "topk": [*one(k=2), *one(k=3, axis=0, ascending=True)],
    # Indices
    "gather": [
        *one(indices=[2, 0]),
        *one(indices=1, axis=-1),
        lambda some: (
            {"x": some.floats(2, 3, 4), "indices": some.ints(2, 5, low=0, high=2), "axis": 1} | {"batch_dims": 1}
        ),
    ],
    "gather_along_axis": [lambda some: {"x": some.floats(3, 4), "indices": some.ints(3, 2, low=0, high=3), "axis": 1}],
    # Its value_inference knows no mode but update.
    "scatter_along_axis": one(indices=[[0, 2, 1, 0]], axis=0, mode="update", updates=np.ones((1, 4), np.float32)),
    # Linear algebra, normalisation, quantisation
    "linear": [lambda some: {"x": some.floats(2, 3), "weight": some.floats(4, 3), "bias": some.floats(4)}],
    "matmul": [
        lambda some: {"x": some.floats(2, 3, 4), "y": some.floats(4, 5)},
        lambda some: {"x": some.floats(4, 3), "y": some.floats(5, 4), "transpose_x": True, "transpose_y": True},
    ],
    "einsum": [lambda some: {"values": (some.floats(2, 3, 4), some.floats(4, 3, 5)), "equation": "chw,whr->chr"}],
    "l2_norm": [lambda some: {"x": some.floats(2, 3, 4), "epsilon": 1e-3}],
    "layer_norm": [
        lambda some: (
            {"x": some.floats(2, 3, 4), "axes": [-1], "epsilon": 1e-3}
            | {"gamma": some.floats(4), "beta": some.floats(4)}
        ),
    ],
    "quantize": [
        lambda some: (
            {"input": some.floats(3, 4), "output_dtype": "int8", "axis": 0}
            | {"scale": some.floats(3, low=0.1), "zero_point": some.ints(3).astype(np.int8)}
        ),
    ],
    "scaled_dot_product_attention": [
        lambda some: {"query": some.floats(2, 3, 4), "key": some.floats(2, 5, 4), "value": some.floats(2, 5, 4)},
    ],
}
NO_ORACLE = {
    "_const_symbolic": "the converter's only",
    "cond": "not folded",
    "const": "not an operation of the interpreter",
    "list_length": "folds types, not values",
    "reverse_sequence": "not implemented in PyMIL",
}


@pytest.fixture(scope="module")
def fold() -> Callable[[str, int, Arguments], list[Any]]:
    """PyMIL's values of an operation of an opset with constant inputs."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    import coremltools as ct
    from coremltools.converters.mil.mil import Builder, Function

    def value(name: str, opset: int, arguments: Arguments) -> list[Any]:
        # PyMIL's thresholded_relu writes into its input.
        with Function({}, opset_version=getattr(ct.target, OPSETS[opset])):
            found = getattr(Builder, name)(**copy.deepcopy(arguments))
        return [var.val for var in (found if isinstance(found, (tuple, list)) else [found])]

    return value


@pytest.fixture(scope="module")
def registered() -> dict[str, dict[int, Any]]:
    """PyMIL's classes by operation and opset."""
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    # A target's value is its specification version; the first with ML Programs is 6, opset CoreML5.
    return {
        name: {version.value - 1: cls for version, cls in versions.items() if version.value > 5}
        for name, versions in SSAOpRegistry.core_ops.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_it_equals_constant_folding(name: str, fold: Any, registered: dict[str, dict[int, Any]]) -> None:
    for opset, cls in registered[name].items():
        kernel = find(name, opset)
        assert kernel is not None
        drawn = [case(Drawn(seed)) for case in CASES[name] for seed in range(3)]
        # Others have an input of a later opset.
        for arguments in (one for one in drawn if one.keys() <= cls.input_spec.input_types.keys()):
            expected = fold(name, opset, arguments)
            found = run(kernel, name, outputs=[TensorType("fp32")] * len(expected), **arguments)
            for mine, theirs in zip([found] if isinstance(found, torch.Tensor) else found, expected, strict=True):
                assert tuple(mine.shape) == np.shape(theirs)
                np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_every_folded_operation_is_compared(registered: dict[str, dict[int, Any]]) -> None:
    from coremltools.converters.mil.mil import Operation

    folded = {
        name
        for name, versions in registered.items()
        for cls in versions.values()
        if cls.value_inference is not Operation.value_inference
    }
    assert folded - NO_ORACLE.keys() == CASES.keys()


def test_every_operation_of_pymil_has_a_kernel_from_its_first_opset(registered: dict[str, dict[int, Any]]) -> None:
    handled_elsewhere = {"_const_symbolic", "const"}
    missing = {
        f"{name} at CoreML{opset}"
        for name in registered.keys() - handled_elsewhere
        for opset in (min(registered[name]), max(registered[name]))
        if find(name, opset) is None
    }
    assert not missing
