"""Matrix products, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgesmith_stages.mil.kernels.linear import einsum, linear, matmul

from .calls import run

NUMBERS = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_linear(shape: tuple[int, ...]) -> None:
    x, weight, bias = NUMBERS.normal(size=shape), NUMBERS.normal(size=(5, 4)), NUMBERS.normal(size=5)
    y = run(linear, x=x, weight=weight, bias=bias, compute=torch.float64)
    np.testing.assert_allclose(y.numpy(), np.einsum("...i,oi->...o", x, weight) + bias, atol=1e-12)


def test_linear_of_integers_stays_one() -> None:
    y = run(linear, x=[[1, 2]], weight=[[3, 4], [5, 6]])
    assert y.dtype == torch.int32
    assert y.tolist() == [[11, 17]]


@pytest.mark.parametrize(
    ("x", "y", "flags"),
    [
        ((4, 3), (3, 2), {}),
        ((10, 4, 3), (5, 10, 3, 2), {}),
        ((2, 3, 4), (2, 3, 5), {"transpose_x": True}),
        ((2, 4, 3), (2, 5, 3), {"transpose_y": True}),
        ((3, 4), (5, 3), {"transpose_x": True, "transpose_y": True}),
        ((4,), (10, 4, 3), {}),
        ((10, 3, 4), (4,), {"transpose_y": True}),
        ((4,), (4,), {}),
    ],
)
def test_matmul(x: tuple[int, ...], y: tuple[int, ...], flags: dict[str, bool]) -> None:
    a, b = NUMBERS.normal(size=x), NUMBERS.normal(size=y)
    turned = [
        m.swapaxes(-1, -2) if flags.get(name) and m.ndim > 1 else m
        for name, m in (("transpose_x", a), ("transpose_y", b))
    ]
    found = run(matmul, x=a, y=b, compute=torch.float64, **flags)
    np.testing.assert_allclose(found.numpy(), np.matmul(*turned), atol=1e-12)


def test_matmul_of_integers_is_exact() -> None:
    y = run(matmul, x=[[2**20, 1]], y=[[2**10], [1]])
    assert y.dtype == torch.int32
    assert y.item() == 2**30 + 1


def test_a_half_product_does_not_overflow_on_the_way() -> None:
    y = run(matmul, x=[[300.0, 300.0]], y=[[300.0], [-300.0]], compute=torch.float16)
    assert y.item() == 0


@pytest.mark.parametrize(
    ("equation", "x", "y", "expected"),
    [
        ("nchw,nwhu->nchu", (2, 3, 4, 5), (2, 5, 4, 6), (2, 3, 4, 6)),
        ("nchw,nwhu->nchu", (1, 3, 1, 5), (2, 5, 4, 6), (2, 3, 4, 6)),
        ("chw,whr->chr", (3, 4, 5), (5, 1, 6), (3, 4, 6)),
    ],
)
def test_einsum(equation: str, x: tuple[int, ...], y: tuple[int, ...], expected: tuple[int, ...]) -> None:
    a, b = NUMBERS.normal(size=x), NUMBERS.normal(size=y)
    found = run(einsum, values=(a, b), equation=equation, compute=torch.float64)
    rows, columns = np.moveaxis(a, -3, -2), np.moveaxis(b, -2, -3)
    np.testing.assert_allclose(found.numpy(), np.moveaxis(rows @ columns, -3, -2), atol=1e-12)
    assert found.shape == expected


@pytest.mark.parametrize("equation", ["nc,cm", "nc->n", "nc,cmk->nm", "nc,cm,mk->nk"])
def test_an_equation_for_other_tensors_is_refused(equation: str) -> None:
    with pytest.raises(ValueError, match="does not fit tensors of the shapes"):
        run(einsum, values=(np.ones((2, 3)), np.ones((3, 4))), equation=equation)
