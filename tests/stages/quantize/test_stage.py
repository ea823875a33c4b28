"""What `quantize` refuses before it runs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edgesmith import CoreMLModel, Model, OnnxModel, TfliteModel, UserError
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.quantize.schemes import SCHEMES
from edgesmith_stages.quantize.stage import Quantize


def check(kind: type[Model], **given: Any) -> None:
    """Check params as planning does."""
    Quantize.check(Quantize.Params(**given), {"model": (kind,)}, {"data": Digits(Digits.Params())})


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (TfliteModel, {"scheme": "linear-int8"}, "unknown scheme for a tflite model 'linear-int8'.*dynamic-int8"),
        (OnnxModel, {"scheme": "sparse"}, "unknown scheme for a onnx model 'sparse'.*known: dynamic-int8, fp16, int8"),
        (CoreMLModel, {"scheme": "dynamic-int8"}, "unknown scheme for a coreml model 'dynamic-int8'"),
        (CoreMLModel, {"scheme": "int8"}, "needs calibration images, and no `data`.*\n.*linear-int8"),
        (CoreMLModel, {"scheme": "palettize-4", "activations": "int8"}, "needs calibration images"),
        (CoreMLModel, {"scheme": "linear-int8", "group_size": 8}, "`group_size` does not fit the scheme"),
        (TfliteModel, {"scheme": "fp16", "sparsity": 0.5}, "`sparsity` is for Core ML models"),
        (TfliteModel, {"scheme": "int8", "data": "digits", "calibration_method": "entropy"}, "known: minmax"),
        (OnnxModel, {"scheme": "int8"}, "needs calibration images, and no `data`"),
        (OnnxModel, {"scheme": "int8", "data": "digits", "calibration": 1439}, "'digits' has 1438"),
    ],
)
def test_refused_before_the_run(kind: type[Model], given: dict[str, Any], message: str) -> None:
    """Each with what there is instead."""
    with pytest.raises(UserError, match=message):
        check(kind, **given)


@pytest.mark.parametrize("kind", SCHEMES)
def test_every_scheme_of_a_format_passes(kind: type[Model]) -> None:
    """And a kind derived from a built-in one has its schemes."""

    class Derived(kind):  # type: ignore[misc,valid-type]
        kind = "derived"

    for scheme in SCHEMES[kind]:
        check(kind, scheme=scheme, data="digits")
        check(Derived, scheme=scheme, data="digits")


@pytest.mark.parametrize(
    "given", [{}, {"scheme": "int9"}, {"scheme": "sparse", "sparsity": 1}, {"scheme": "int8", "calibration": 0}]
)
def test_params_out_of_range_are_refused(given: dict[str, Any]) -> None:
    """By the model of the params."""
    with pytest.raises(ValidationError):
        Quantize.Params(**given)


@pytest.mark.parametrize(
    ("kind", "library"), [(TfliteModel, "ai-edge-quantizer"), (OnnxModel, "onnxruntime"), (CoreMLModel, "coremltools")]
)
def test_each_format_needs_its_own_library_alone(kind: type[Model], library: str) -> None:
    """So that one that can't be installed doesn't stop the others."""
    needed = " ".join(Quantize.toolchain(None, {"model": (kind,)}).requirements)
    assert library in needed
    assert ("torch" in needed) == (kind is CoreMLModel)  # its reference runtime
