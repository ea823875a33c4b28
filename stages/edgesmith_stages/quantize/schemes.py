"""Which schemes there are for which format, and what they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from edgesmith import CoreMLModel, Model, OnnxModel, TfliteModel, TorchModel
from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel

Scheme = Literal[
    "auto",
    "fp16",
    "weight-int8",
    "dynamic-int8",
    "int8",
    "linear-int8",
    "linear-uint8",
    "linear-int4",
    "linear-uint4",
    "palettize-1",
    "palettize-2",
    "palettize-3",
    "palettize-4",
    "palettize-6",
    "palettize-8",
    "palettize-unique",
    "sparse",
]
Method = Literal["minmax", "percentile", "entropy"]

LINEAR = ("linear-int8", "linear-uint8", "linear-int4", "linear-uint4")
CLUSTERED = tuple(f"palettize-{bits}" for bits in (1, 2, 3, 4, 6, 8))
"""Palettes of a given size."""
PALETTES = (*CLUSTERED, "palettize-unique")
SCHEMES: Mapping[type[Model], tuple[str, ...]] = {
    TfliteModel: ("int8", "dynamic-int8", "weight-int8", "fp16"),
    OnnxModel: ("int8", "dynamic-int8", "fp16"),
    CoreMLModel: ("int8", *LINEAR, *PALETTES, "sparse"),
    TorchModel: ("int8",),
}
METHODS: Mapping[type[Model], tuple[str, ...]] = {
    TfliteModel: ("minmax",),
    OnnxModel: ("minmax", "percentile", "entropy"),
    CoreMLModel: ("minmax", "percentile", "entropy"),
    TorchModel: ("minmax",),
}

LITERT = ("ai-edge-litert>=2.3",)
REQUIREMENTS: Mapping[type[Model], tuple[str, ...]] = {
    TfliteModel: ("numpy>=2", "safetensors>=0.5", "ai-edge-quantizer>=0.10,<0.11", *LITERT),
    OnnxModel: ("numpy>=2", "safetensors>=0.5", "onnx>=1.20", "onnxruntime>=1.24"),
    CoreMLModel: (
        "numpy>=2",
        "safetensors>=0.5",
        "coremltools>=9.0,<9.1",
        "scikit-learn>=1.6",
        "torch>=2.6",
        "protobuf",
    ),
    TorchModel: QuantizedTorchModel.requirements,
}


def base_kind(kind: type[Model]) -> type[Model]:
    """Return the built-in kind that `kind` is or derives from."""
    return next(base for base in SCHEMES if issubclass(kind, base))


def calibrated(params: Any) -> bool:
    """Whether images are needed: the range of every activation is fixed in the file."""
    return params.scheme == "auto" or "int8" in (params.scheme, params.activations)
