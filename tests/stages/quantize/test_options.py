"""Which options of Core ML's compressions go together."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.quantize.options import refuse, target_needed
from edgesmith_stages.quantize.stage import Quantize


def options(**given: Any) -> Any:
    return Quantize.Params(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"scheme": "linear-int8", "block_size": 16},
        {"scheme": "linear-uint4", "granularity": "per_tensor", "symmetric": False},
        {"scheme": "linear-int4", "granularity": "per_block", "sparsity": 0.5},
        {"scheme": "int8", "granularity": "per_channel", "symmetric_activations": False},
        {"scheme": "palettize-4", "activations": "int8", "symmetric_activations": False},
        {"scheme": "palettize-6", "cluster_dim": 4, "group_size": 16, "lut_dtype": "int8"},
        {"scheme": "palettize-3", "granularity": "per_grouped_channel", "lut_dtype": "uint8"},
        {"scheme": "palettize-2", "per_channel_scale": True, "palette": "uniform"},
        {"scheme": "palettize-unique", "threshold": 0.01, "min_sparsity": 0.2},
        {"scheme": "palettize-4", "n_m": [2, 4], "prune_dim": "output", "lut_dtype": "int8"},
        {"scheme": "sparse", "prune_block": 4, "prune_dim": "input"},
    ],
)
def test_what_goes_together(given: dict[str, Any]) -> None:
    """Granularities, palettes of vectors, and joint forms."""
    refuse(options(**given), "coreml")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scheme": "sparse", "granularity": "per_tensor"}, "`granularity` does not fit the scheme 'sparse'"),
        ({"scheme": "palettize-4", "block_size": 8}, "`block_size` does not fit.*\n.*take one of linear-int8"),
        ({"scheme": "linear-int8", "cluster_dim": 2}, "`cluster_dim` does not fit.*\n.*palettize-1, "),
        ({"scheme": "palettize-unique", "palette": "uniform"}, "`palette` does not fit"),
        (
            {"scheme": "palettize-4", "granularity": "per_block"},
            "`granularity: per_block` does not fit.*\n.*per_tensor, per_grouped_channel",
        ),
        (
            {"scheme": "linear-int8", "granularity": "per_grouped_channel"},
            "does not fit.*\n.*per_tensor, per_channel, per_block",
        ),
        (
            {"scheme": "linear-int8", "granularity": "per_channel", "block_size": 8},
            "`block_size` needs `granularity: per_block`",
        ),
        (
            {"scheme": "palettize-4", "granularity": "per_tensor", "group_size": 8},
            "`group_size` needs `granularity: per_grouped_channel`",
        ),
        ({"scheme": "sparse", "sparsity": 0.5, "n_m": [2, 4]}, "`sparsity` and `n_m` are different ways to prune"),
        ({"scheme": "sparse", "n_m": [2, 4], "prune_block": 2}, "`prune_block` needs `sparsity`"),
        ({"scheme": "palettize-4", "prune_block": 2}, "`prune_block` needs `sparsity`"),
        ({"scheme": "sparse", "prune_dim": "input"}, "`prune_dim` needs `n_m` or `prune_block`"),
        ({"scheme": "sparse", "min_sparsity": 0.1}, "`min_sparsity` needs `threshold`"),
        ({"scheme": "sparse", "n_m": [4, 4]}, r"`n_m` is \[4, 4\], expected two numbers with 0 < n < m"),
        ({"scheme": "palettize-4", "cluster_dim": 2, "palette": "uniform"}, "makes numbers, not vectors"),
        ({"scheme": "palettize-4", "cluster_dim": 2, "per_channel_scale": True}, "can't be joined with `cluster_dim`"),
        ({"scheme": "palettize-4", "cluster_dim": 2, "sparsity": 0.5}, "`cluster_dim` can't be joined with pruning"),
        ({"scheme": "palettize-4", "per_channel_scale": True, "n_m": [1, 2]}, "`per_channel_scale` can't be joined"),
        ({"scheme": "palettize-3", "lut_dtype": "int8"}, "`lut_dtype` does not fit 'palettize-3'"),
        ({"scheme": "palettize-4", "symmetric_activations": False}, "needs int8 activations"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    """Each by one message that says what to do."""
    with pytest.raises(UserError, match=message):
        refuse(options(**given), "coreml")


@pytest.mark.parametrize("given", [{"group_size": 8}, {"symmetric": False}, {"sparsity": 0.5}, {"activations": "int8"}])
def test_other_formats_have_none_of_them(given: dict[str, Any]) -> None:
    """Nothing that is written is ignored."""
    (name,) = given
    with pytest.raises(UserError, match=f"`{name}` is for Core ML models, and this is a onnx model"):
        refuse(options(scheme="int8", **given), "onnx")


@pytest.mark.parametrize(
    ("given", "version"),
    [
        ({"scheme": "linear-uint8"}, 7),
        ({"scheme": "sparse", "n_m": [2, 4]}, 7),
        ({"scheme": "int8"}, 8),
        ({"scheme": "palettize-4", "activations": "int8"}, 8),
        ({"scheme": "linear-int4"}, 9),
        ({"scheme": "palettize-3"}, 9),
        ({"scheme": "palettize-4", "group_size": 8}, 9),
        ({"scheme": "linear-int8", "sparsity": 0.5}, 9),
        ({"scheme": "int8", "granularity": "per_block"}, 9),
    ],
)
def test_the_system_that_a_compression_needs(given: dict[str, Any], version: int) -> None:
    """As the specification version of a package."""
    assert target_needed(options(**given))[0] == version


@pytest.mark.parametrize(("scheme", "kind"), [("dynamic-int8", "onnx"), ("int8", "coreml"), ("fp16", "tflite")])
def test_biases_are_corrected_in_int8_of_onnx_and_tflite_alone(scheme: str, kind: str) -> None:
    """And the error says where."""
    with pytest.raises(UserError, match="`bias_correction` is for int8 of ONNX and TFLite"):
        refuse(options(scheme=scheme, data="digits", bias_correction=True), kind)


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_onnx_and_tflite_have_scales_per_tensor_and_per_channel(kind: str) -> None:
    """The finer ones are Core ML's."""
    refuse(options(scheme="int8", data="digits", granularity="per_tensor", bias_correction=True), kind)
    with pytest.raises(UserError, match=r"`granularity: per_block` does not fit.*\n.*per_tensor, per_channel"):
        refuse(options(scheme="int8", data="digits", granularity="per_block"), kind)


@pytest.mark.parametrize("scheme", ["dynamic-int8", "fp16"])
def test_granularity_of_other_formats_goes_with_int8(scheme: str) -> None:
    with pytest.raises(UserError, match="`granularity` of onnx models goes with `scheme: int8`"):
        refuse(options(scheme=scheme, granularity="per_tensor"), "onnx")
