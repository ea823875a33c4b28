"""Messages made of what converters raise; the texts are real ones."""

from __future__ import annotations

import pytest

from edgesmith import StageFailed, UserError
from edgesmith.conversion import blamed_op, converting, first_line

LITERT = (
    "Failed to run converter passes: /opt/env/lib/python3.11/site-packages/timm/models/mobilevit.py:400:0: error: "
    "'tfl.mul' op operands don't have broadcast-compatible shapes\n"
)
LOWERING = (
    "Lowering not found: aten._upsample_bicubic2d_aa.default\n\nWhile executing %_upsample_bicubic2d_aa : "
    "[num_users=1] = call_function[target=torch.ops.aten._upsample_bicubic2d_aa.default](args = ())\n"
)
ONNX = "No ONNX function found for <OpOverload(op='aten.fft_fft', overload='default')>. Failure message: none"
COREML = "PyTorch convert function for op 'fft_fft' not implemented."


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        (LITERT, "tfl.mul"),
        (LOWERING, "aten._upsample_bicubic2d_aa.default"),
        (ONNX, "aten.fft_fft"),
        (COREML, "fft_fft"),
        ("Unsupported fx node special_bessel_j0, kind special_bessel_j0", "special_bessel_j0"),
        ("out of memory", None),
    ],
)
def test_the_operator_is_found(text: str, operator: str | None) -> None:
    """Every converter names it in its own way."""
    assert blamed_op(text) == operator


def test_the_message_names_the_operator_and_no_path_of_this_machine() -> None:
    """The user sees one message with a hint."""
    with (
        pytest.raises(
            StageFailed, match=r"litert-torch could not make a TFLite model at the operator tfl\.mul"
        ) as caught,
        converting("litert-torch", "a TFLite model", "replace it"),
    ):
        raise ValueError(LITERT)
    assert "timm/models/mobilevit.py:400" in str(caught.value)
    assert "/opt/env" not in str(caught.value)
    assert caught.value.hint == "replace it"


def test_the_deepest_cause_is_told() -> None:
    """Exporters wrap what happened in general advice."""
    with (
        pytest.raises(StageFailed, match=r"at the operator aten\.fft_fft: No ONNX function"),
        converting("torch", "an ONNX model", ""),
    ):
        try:
            raise RuntimeError(ONNX)
        except RuntimeError as error:
            raise ValueError("Failed to convert. Read the guide") from error


def test_handled_errors_and_interrupts_pass() -> None:
    """What is already a message stays; Ctrl-C stays."""
    with pytest.raises(UserError, match="mine"), converting("a", "b", "c"):
        raise UserError("mine")
    with pytest.raises(KeyboardInterrupt), converting("a", "b", "c"):
        raise KeyboardInterrupt


def test_an_error_without_words_is_named_by_its_type() -> None:
    """Never an empty message."""
    assert first_line(AssertionError()) == "AssertionError"
    assert first_line(ValueError("\n\n  said\nmore")) == "said"
