"""Which params of Core ML's compressions go together, and what they need of a package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgesmith import UserError
from edgesmith_stages.quantize.params import CompressionParams, QuantizeParams
from edgesmith_stages.quantize.schemes import CLUSTERED, LINEAR, PALETTES

IOS16, IOS17, IOS18 = 7, 8, 9
"""Specification versions by the systems that they begin with."""

_WEIGHTS = (*LINEAR, *PALETTES, "sparse", "int8")


_FITS: Mapping[str, tuple[str, ...]] = {
    "granularity": (*LINEAR, *PALETTES, "int8"),
    "block_size": (*LINEAR, "int8"),
    "symmetric": (*LINEAR, "int8"),
    "group_size": PALETTES,
    "cluster_dim": PALETTES,
    "per_channel_scale": PALETTES,
    "palette": CLUSTERED,
    "lut_dtype": PALETTES,
}
"""Schemes of options that don't fit all of them."""

GRANULARITIES: Mapping[str, tuple[str, ...]] = {
    "linear": ("per_tensor", "per_channel", "per_block"),
    "palettize": ("per_tensor", "per_grouped_channel"),
}


CORRECTED = ("onnx", "tflite")
"""Formats whose `int8` has biases that can be corrected, and scales per tensor or per channel alone."""


def prunes(params: Any) -> bool:
    """Whether weights are set to zero."""
    given = (params.sparsity, params.n_m, params.threshold, params.prune_block)
    return params.scheme == "sparse" or any(one is not None for one in given)


def refuse(params: Any, kind: str) -> None:
    """Raise UserError, saying what to do, for options that don't fit the format, the scheme or one another.

    Args:
        params: of the stage.
        kind: the format, such as "coreml".
    """
    if params.bias_correction and (kind not in CORRECTED or params.scheme not in ("int8", "auto")):
        raise UserError(
            f"`bias_correction` is for int8 of ONNX and TFLite models, and this is {params.scheme!r} of a {kind} model",
            hint="leave `bias_correction` out",
        )
    for name, field in CompressionParams.model_fields.items():
        if name == "granularity" and kind in CORRECTED and params.scheme == "int8":
            _refuse_granularity(params, ("per_tensor", "per_channel"))
            continue
        if name in QuantizeParams.model_fields or getattr(params, name) == field.default:
            continue
        if name == "granularity" and kind in CORRECTED:
            raise UserError(
                f"`granularity` of {kind} models goes with `scheme: int8`, and this is {params.scheme!r}",
                hint="leave `granularity` out",
            )
        if kind != "coreml":
            raise UserError(f"`{name}` is for Core ML models, and this is a {kind} model", hint=f"leave `{name}` out")
        fitting = _FITS.get(name, _WEIGHTS)
        if params.scheme not in fitting:
            raise UserError(
                f"`{name}` does not fit the scheme {params.scheme!r}",
                hint=f"leave it out, or take one of {', '.join(fitting)}",
            )
    if kind == "coreml":
        _refuse_granularity(params)
        _refuse_pruning(params)
        _refuse_palettes(params)
        if not params.symmetric_activations and params.scheme != "int8" and params.activations is None:
            raise UserError("`symmetric_activations` needs int8 activations", hint="set `activations: int8`")


def _refuse_granularity(params: Any, known: tuple[str, ...] = ()) -> None:
    known = known or GRANULARITIES["palettize" if params.scheme in PALETTES else "linear"]
    if params.granularity is not None and params.granularity not in known:
        raise UserError(
            f"`granularity: {params.granularity}` does not fit the scheme {params.scheme!r}",
            hint=f"take one of {', '.join(known)}",
        )
    for name, wanted in (("block_size", "per_block"), ("group_size", "per_grouped_channel")):
        if getattr(params, name) is not None and params.granularity not in (None, wanted):
            raise UserError(f"`{name}` needs `granularity: {wanted}`, and it is {params.granularity}")


def _refuse_pruning(params: Any) -> None:
    ways = [name for name in ("sparsity", "n_m", "threshold") if getattr(params, name) is not None]
    if len(ways) > 1:
        raise UserError(
            f"{' and '.join(f'`{name}`' for name in ways)} are different ways to prune", hint="leave all but one out"
        )
    way = ways[0] if ways else "sparsity" if params.scheme == "sparse" else None
    if params.prune_block is not None and way != "sparsity":
        raise UserError("`prune_block` needs `sparsity`, which says how many blocks are zeroed")
    if params.prune_dim is not None and way != "n_m" and params.prune_block is None:
        raise UserError("`prune_dim` needs `n_m` or `prune_block`")
    if params.min_sparsity is not None and way != "threshold":
        raise UserError("`min_sparsity` needs `threshold`")
    if params.n_m is not None and not 0 < params.n_m[0] < params.n_m[1]:
        raise UserError(f"`n_m` is {list(params.n_m)}, expected two numbers with 0 < n < m, such as [2, 4]")


def _refuse_palettes(params: Any) -> None:
    if params.scheme not in PALETTES:
        return
    vectors = params.cluster_dim > 1
    if vectors and params.per_channel_scale:
        raise UserError(
            "`per_channel_scale` can't be joined with `cluster_dim`: coremltools has no form for it",
            hint="leave one out",
        )
    if vectors and params.palette == "uniform":
        raise UserError("`palette: uniform` makes numbers, not vectors", hint="leave `cluster_dim` out, or take kmeans")
    if prunes(params) and (vectors or params.per_channel_scale):
        name = "cluster_dim" if vectors else "per_channel_scale"
        raise UserError(
            f"`{name}` can't be joined with pruning: a sparse weight's zeros fit no vector and no scale",
            hint=f"leave `{name}` or the pruning options out",
        )
    grouped = params.group_size is not None or params.granularity == "per_grouped_channel"
    if params.lut_dtype and params.scheme in CLUSTERED[:3] and not (vectors or grouped):
        raise UserError(
            f"`lut_dtype` does not fit {params.scheme!r}: a palette of so few entries is not quantised",
            hint="take palettize-4 or more, or leave `lut_dtype` out",
        )


def target_needed(params: Any) -> tuple[int, str]:
    """Return the specification version that a package needs for these options, and what for."""
    bits4 = params.scheme in ("linear-int4", "linear-uint4")
    newest = {
        "int4 weights": bits4,
        "scales by block": params.granularity == "per_block" or params.block_size is not None,
        "palettes by group": params.granularity == "per_grouped_channel" or params.group_size is not None,
        "palettes of vectors": params.cluster_dim > 1,
        "palettes with a scale": params.per_channel_scale,
        "quantised palettes": params.lut_dtype is not None,
        "palettes of 3 bits": params.scheme == "palettize-3",
        "jointly compressed weights": params.scheme != "sparse" and prunes(params),
    }
    for what, asked in newest.items():
        if asked:
            return IOS18, what
    if params.scheme == "int8" or params.activations == "int8":
        return IOS17, "int8 activations"
    return IOS16, "compressed weights"
