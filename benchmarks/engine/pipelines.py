"""The pipelines that are measured, as edgesmith projects; peers get the same graph."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

NINE: Mapping[str, tuple[str, ...]] = {
    "teacher": (),
    "student": ("teacher",),
    "pruned": ("student",),
    "fused": ("pruned",),
    "onnx": ("fused",),
    "tflite": ("fused",),
    "coreml": ("fused",),
    "int8": ("tflite",),
    "bench": ("onnx", "tflite", "coreml", "int8"),
}
"""Nodes and what they need: the shape of mobilevit-int8."""

_PLUGIN = Path(__file__).with_name("plugin.py")


def write_nine(folder: Path) -> Path:
    """Write the nine-node project into a folder; return its pipeline file."""
    lines = [
        f"  {name}: {{uses: blank, needs: [{', '.join(needs)}], with: {{number: {number}}}}}"
        for number, (name, needs) in enumerate(NINE.items())
    ]
    return _write(folder, "nine", lines)


def write_wide(folder: Path, nodes: int) -> Path:
    """Write a project of a matrix of `nodes` nodes, each second of which needs one of the others."""
    axis = ", ".join(map(str, range(nodes // 2)))
    lines = [
        f"  {name}: {{uses: blank, {needs}matrix: {{i: [{axis}]}}, with: {{number: '${{matrix.i}}'}}}}"
        for name, needs in (("first", ""), ("second", "needs: first, "))
    ]
    return _write(folder, "wide", lines)


def _write(folder: Path, name: str, stages: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_PLUGIN, folder / "blank_stage.py")
    file = folder / f"{name}.yaml"
    file.write_text("\n".join([f"name: {name}", "plugins: [blank_stage]", "stages:", *stages]) + "\n", encoding="utf-8")
    return file
