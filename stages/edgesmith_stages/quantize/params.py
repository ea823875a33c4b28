"""Params of the `quantize` stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from edgesmith import DatasetRef, Stage
from edgesmith_stages.quantize.schemes import Method, Scheme

BUDGETED = (
    "a mixed precision within a budget is found by `tune-precision` (`max_drop`, `max_latency`, `max_bytes`); "
    "connect its `assignment` here, and say `scheme: auto`"
)


class QuantizeParams(Stage.Params):
    """What every format has."""

    elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("precision", "max_drop", "max_latency", "max_bytes", "on_regress", "prefer"), BUDGETED
    )

    scheme: Scheme = Field(description="what to do; which ones fit depends on the input's format")
    data: DatasetRef | None = Field(None, description="dataset to calibrate on (its train split)")
    calibration: int = Field(128, ge=1, description="calibration images, drawn by seed, classes as even as can be")
    calibration_method: Method = Field("minmax", description="how ranges follow from them (TFLite, torch: minmax)")
    exclude: tuple[str, ...] | None = Field(
        None,
        description="operator types to leave as they are; int8 by default those around attention, slower in integers",
    )
    bias_correction: bool = Field(
        False,
        description="ONNX and TFLite, `int8`: take each layer's mean error on the calibration images off its bias",
    )
    min_sqnr: float | None = Field(None, description="fail under this SQNR against the input file, in dB")
    backend: Literal["torchao"] | None = Field(None, description="what quantises torch models, and nothing else")


class CompressionParams(QuantizeParams):
    """How Core ML packages are compressed. A pruning option beside another scheme than `sparse` makes a joint form."""

    granularity: Literal["per_tensor", "per_channel", "per_block", "per_grouped_channel"] | None = Field(
        None,
        description="which weights share a scale (linear; per_channel, 4 bits per_block) or a palette (per_tensor); "
        "where it doesn't divide a weight's sizes, the next coarser one is taken. "
        "ONNX and TFLite in `int8`: per_channel or per_tensor",
    )
    block_size: int | None = Field(
        None, ge=2, description="input channels that share a scale, with per_block (4 bits: the first of 32, 16, 8)"
    )
    symmetric: bool = Field(True, description="linear weights: the range is symmetric, so that there is no offset")
    group_size: int | None = Field(
        None, ge=1, description="output channels that share a palette, with per_grouped_channel (32)"
    )
    cluster_dim: int = Field(1, ge=1, description="palettes of vectors of so many output channels' weights")
    per_channel_scale: bool = Field(
        False, description="palettes of weights that are divided by their output channel's scale"
    )
    palette: Literal["kmeans", "uniform"] = Field("kmeans", description="how the entries of palettes are found")
    lut_dtype: Literal["int8", "uint8"] | None = Field(None, description="quantise the palettes' entries too")
    sparsity: float | None = Field(None, gt=0, lt=1, description="share of weights set to zero (`sparse`: 0.5)")
    prune_block: int | None = Field(None, ge=2, description="with sparsity: channels that are zeroed together")
    n_m: tuple[int, int] | None = Field(None, description="[n, m]: zero the n smallest of every m weights in a row")
    prune_dim: Literal["output", "input"] | None = Field(
        None, description="channels along which prune_block (output) or n_m (input) goes"
    )
    threshold: float | None = Field(None, ge=0, description="zero weights up to this magnitude")
    min_sparsity: float | None = Field(
        None, ge=0, le=1, description="with threshold: leave weights dense that have a smaller share of zeros (0.5)"
    )
    activations: Literal["int8"] | None = Field(
        None, description="also quantise activations by calibration, beside any weights; `int8` does anyway"
    )
    symmetric_activations: bool = Field(True, description="ranges of int8 activations are symmetric around zero")
    min_elements: int = Field(2048, ge=0, description="weights that have no more elements stay as they are")
