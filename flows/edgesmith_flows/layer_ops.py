"""What operations are called in different formats, and which of them are the same."""

from __future__ import annotations

import re

FAMILIES: tuple[tuple[str, str], ...] = (
    ("quantize", "quantize"),
    # Before the parts that their names hold by chance: `bilinear`, `linear_activation`, `convert`.
    ("upsample", "resize"),
    ("resize", "resize"),
    ("interpolate", "resize"),
    ("linearactivation", "linearactivation"),
    ("convertelementtype", "cast"),
    ("conv", "conv"),
    ("attention", "attention"),
    ("linear", "matmul"),
    ("fullyconnected", "matmul"),
    ("matmul", "matmul"),
    ("gemm", "matmul"),
    ("addmm", "matmul"),
    ("bmm", "matmul"),
    ("batchnorm", "batchnorm"),
    ("layernorm", "layernorm"),
    ("groupnorm", "groupnorm"),
    ("instancenorm", "instancenorm"),
    ("softmax", "softmax"),
    ("gelu", "gelu"),
    ("hardswish", "hardswish"),
    ("silu", "silu"),
    ("swish", "silu"),
    ("hardsigmoid", "hardsigmoid"),
    ("sigmoidhard", "hardsigmoid"),
    ("logistic", "sigmoid"),
    ("sigmoid", "sigmoid"),
    ("leakyrelu", "leakyrelu"),
    ("prelu", "prelu"),
    ("relu", "relu"),
    ("clip", "relu"),
    ("clamp", "relu"),
    ("hardtanh", "relu"),
    ("maxpool", "maxpool"),
    ("avgpool", "mean"),
    ("averagepool", "mean"),
    ("mean", "mean"),
    ("concat", "cat"),
    ("realdiv", "div"),
    # torch's name for `1 - x`, and what it gives: ONNX writes it Sub(1, x).
    ("rsub", "sub"),
)
"""Parts of operations' names, and the family that each tells; the first that fits counts."""


def family(op: str) -> str:
    """Return an operation's family, the same in every format: `conv` for `Conv`, `CONV_2D` and `convolution`.

    An operation that FAMILIES doesn't know is a family of its own, under its name without case, marks and numbers.
    """
    plain = re.sub(r"[^a-z]", "", op.lower())
    return next((name for part, name in FAMILIES if part in plain), plain)
