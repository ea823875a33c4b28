"""Widths as a report, and targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from edgesmith import Report, UserError
from edgesmith_stages.pruning.choice import Target, read_widths, write_widths
from edgesmith_stages.pruning.widths import Group, Width

GROUPS = [Group("stem:out", Width(1, 16), False, torch.rand(16)), Group("proj:in", Width(4, 8), True, torch.rand(32))]


def test_widths_are_read_as_they_were_written(tmp_path: Path) -> None:
    widths = {"proj:in": Width(2, 8), "stem:out": Width(1, 8)}
    write_widths(tmp_path, widths)
    assert read_widths(Report(tmp_path), GROUPS) == widths


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"stem:out": Width(1, 24)}, r"leaves 1 x 24 channels of stem:out, and this model has 1 x 16"),
        ({"stem:out": Width(1, 0)}, r"leaves 1 x 0 channels of stem:out"),
        ({"stem:out": Width(1, 16)}, "takes nothing out of this model"),
        ({"neck:out": Width(1, 8)}, r"leaves 1 x 8 channels of neck:out, and this model has no such layer"),
    ],
)
def test_another_models_widths_are_refused(widths: dict[str, Width], message: str, tmp_path: Path) -> None:
    write_widths(tmp_path, widths)
    with pytest.raises(UserError, match=message):
        read_widths(Report(tmp_path), GROUPS)


def test_another_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"trials": []}))
    with pytest.raises(UserError, match="holds no widths"):
        read_widths(Report(tmp_path), GROUPS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of `macs` and `params`, not none"),
        ({"macs": 0.5, "params": 0.5}, "not macs and params"),
        ({"macs": 1.0}, "less than 1"),
        ({"latency": 0.65}, "tune-pruning"),
        ({"flops": 0.5}, "flops"),
    ],
)
def test_a_target_is_one_share(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Target(**given)
