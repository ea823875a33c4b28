"""Assignments as artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgesmith import Report, UserError
from edgesmith_stages.quantize.assignment import Assignment

MADE = Assignment("onnx", "int8", {"softmax": "slower in integers here"})


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """And equal ones are equal bytes, whatever the order of the names."""
    MADE.write(tmp_path)
    assert Assignment.read(Report(tmp_path)) == MADE
    one, other = ({"a": "", "b": ""}, {"b": "", "a": ""})
    assert Assignment("onnx", "int8", one).digest() == Assignment("onnx", "int8", other).digest() != MADE.digest()


def test_another_report_is_refused(tmp_path: Path) -> None:
    """With the port that should have been connected."""
    (tmp_path / "report.json").write_text('{"trials": []}')
    with pytest.raises(UserError, match="no assignment") as refused:
        Assignment.read(Report(tmp_path))
    assert "TUNED.assignment" in str(refused.value.hint)


def test_a_mixture_names_each_form(tmp_path: Path) -> None:
    """And fits no file that lacks one of the operations."""
    mixed = Assignment("coreml", "mixed", {"head": "costs accuracy"}, forms={"stem": "linear-int8"})
    mixed.write(tmp_path)
    assert Assignment.read(Report(tmp_path)) == mixed
    with pytest.raises(UserError, match="names 'stem', which the model does not have"):
        mixed.fit("coreml", frozenset({"head"}))


def test_it_fits_the_file_that_it_was_made_for() -> None:
    """Not another format, and not one without its operations."""
    MADE.fit("onnx", frozenset({"softmax", "conv"}))
    with pytest.raises(UserError, match="is for onnx models, and this is a tflite model"):
        MADE.fit("tflite", frozenset({"softmax"}))
    with pytest.raises(UserError, match="names 'softmax', which the model does not have"):
        MADE.fit("onnx", frozenset({"conv"}))
