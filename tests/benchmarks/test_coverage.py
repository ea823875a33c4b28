"""The coverage table, made of cells that earlier calls wrote down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def merged(*files: Path) -> str:
    """What `python -m benchmarks.coverage --merge ...` prints."""
    options = [part for file in files for part in ("--merge", str(file))]
    command = [sys.executable, "-m", "benchmarks.coverage", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def cell(family: str, kind: str, **more: Any) -> dict[str, Any]:
    """A cell's document."""
    return {"family": family, "format": kind, "precision": "fp32", "state": "ok", **more}


def test_a_later_file_s_cells_replace_an_earlier_one_s(tmp_path: Path) -> None:
    """A table a format, in the table's own order; a failure with where it is, what was said, and what to do."""
    fine = {"sqnr_db": 104.5, "agreement": 1.0, "bytes": 16_900_000, "seconds": 10.2}
    wrong = {"state": "failed", "op": "aten.erf", "layer": "stem.act", "problem": "no erf", "next": "take gelu"}
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps([cell("levit", "tflite", **wrong), cell("resnet", "onnx", **wrong)]))
    second.write_text(json.dumps([cell("resnet", "onnx", **fine), cell("mobilenetv1", "onnx", note="by hand", **fine)]))
    assert merged(first, second).splitlines() == [
        "### ONNX",
        "",
        "| family      | fp32                          |",
        "| ----------- | ----------------------------- |",
        "| mobilenetv1 | 104 dB, 100 %, 16.9 MB, 10 s* |",
        "| resnet      | 104 dB, 100 %, 16.9 MB, 10 s  |",
        "",
        "### TFLite",
        "",
        "| family | fp32                      |",
        "| ------ | ------------------------- |",
        "| levit  | FAILED: aten.erf stem.act |",
        "",
        "- \\* mobilenetv1 onnx fp32: by hand",
        "",
        "- levit tflite fp32: no erf",
        "  Next: take gelu",
    ]
