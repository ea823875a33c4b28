"""Operation by operation: where a program parts from what it should compute."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgesmith import InputContract
from edgesmith.parity import MAX_DB, sqnr_db
from edgesmith_stages.coreml_export.saved import SavedPackage, logits_name
from edgesmith_stages.coreml_export.trace import Step, blame, canonical, decibels, single_precision, trace, walk
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.program import Block, Operation, Ref, Value

from ..mil.packages import constant, model, operation, write

X = TensorType("fp32", (1, 3, 2, 2))
HALF = TensorType("fp16", (1, 3, 2, 2))
ROW = TensorType("fp32", (1, 12))
CONTRACT = InputContract(size=(2, 2))
PIXELS = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3) * 20


@pytest.fixture
def package(tmp_path: Path) -> SavedPackage:
    """logits = reshape(half(exp(x)) + x)."""
    spec = model(
        {"image": X},
        ["logits"],
        operation("exp", {"exp": X}, x="%image"),
        operation("cast", {"small_cast_fp16": HALF}, x="%exp", dtype="fp16"),
        operation("cast", {"small": X}, x="%small_cast_fp16", dtype="fp32"),
        operation("add", {"add": X}, x="%small", y="%image"),
        constant("shape", np.array([1, 12], np.int32)),
        operation("reshape", {"logits": ROW}, x="%add", shape="%shape"),
    )
    return SavedPackage(write(tmp_path, spec), CONTRACT)


def right(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"exp": x.exp(), "add": x.exp() + x}


def test_a_program_that_is_right_but_for_rounding(package: SavedPackage) -> None:
    """The reshape computes nothing, so it is no step; casts round, but torch has none to compare with."""
    steps = trace(package, PIXELS, right(torch.from_numpy(CONTRACT.normalise(PIXELS))))
    assert [step.type for step in steps] == ["exp", "add"]
    assert steps[0].after > 100
    assert 60 < steps[1].after < 90


def test_the_operation_where_it_goes_wrong_is_blamed(package: SavedPackage) -> None:
    reference = right(torch.from_numpy(CONTRACT.normalise(PIXELS)))
    reference["add"] = reference["add"] * 1.5
    step = blame(trace(package, PIXELS, reference), 40)
    assert step is not None
    assert step.name == "add"
    assert str(step) == "add 'add', which makes 9.5 dB of exact inputs"


def test_what_only_passes_an_error_on_is_not_blamed() -> None:
    steps = [Step("conv", "a", MAX_DB, 90), Step("mul", "b", 90, 20), Step("conv", "c", 20, 5)]
    found = blame(steps, 40)
    assert found is not None
    assert found.name == "b"
    assert blame(steps, 1) is None


def test_a_result_that_torch_does_not_know_is_as_good_as_its_inputs(package: SavedPackage) -> None:
    (exp, add) = walk(package.block, {"exp": 30.0})
    assert (exp.after, add.before, add.after) == (30.0, 30.0, 30.0)


def test_logits_of_a_plain_model_are_its_output(package: SavedPackage) -> None:
    assert logits_name(package.block) == "logits"
    np.testing.assert_array_equal(package.logits(PIXELS), package.run(PIXELS))


def test_logits_of_a_classifier_are_what_its_softmax_takes() -> None:
    """Casts between softmax and classify are looked through."""

    def step(type: str, name: str, **given: str) -> Operation:
        return Operation(type, name, {key: (Ref(value),) for key, value in given.items()}, (Value(name, ROW),))

    steps = [
        step("linear", "fc", x="image"),
        step("softmax", "halves", x="fc"),
        step("cast", "wholes", x="halves"),
        step("classify", "label", probabilities="wholes"),
    ]
    assert logits_name(Block((Value("image", ROW),), tuple(steps), ("label",))) == "fc"
    without = [steps[0], step("classify", "label", probabilities="fc")]
    assert logits_name(Block((Value("image", ROW),), tuple(without), ("label",))) == "fc"


def test_single_precision_is_counted_without_casts_and_constants(package: SavedPackage) -> None:
    assert single_precision(package.block) == 3


@pytest.mark.parametrize(
    ("name", "torchs"),
    [
        ("conv2d_3_cast_fp16", "conv2d_3"),
        ("softmax_type_fp32", "softmax"),
        ("linear_0_cast_fp16", "linear"),
        ("a", "a"),
    ],
)
def test_names_without_what_coremltools_appends(name: str, torchs: str) -> None:
    assert canonical(name) == torchs


@pytest.mark.parametrize("noise", [0.0, 1e-3, float("inf")])
def test_decibels_are_those_of_parity(noise: float) -> None:
    wanted = torch.linspace(-1, 1, 9)
    found = wanted.clone()
    found[0] += noise
    assert decibels(wanted, found) == pytest.approx(sqnr_db(wanted.numpy(), found.numpy()), rel=1e-6)
