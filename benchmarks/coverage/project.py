"""A family's project: a pipeline with a node for every cell of its row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks.coverage.families import FAMILIES, Family

FORMATS = ("onnx", "tflite", "coreml")
PRECISIONS = ("fp32", "fp16", "int8")

SOURCE = "fused"
"""The node that all cells are compared with: branches merged, BatchNorm folded, as one would ship it."""

FALLBACK = {"coreml-fp16": "coreml-mixed"}
"""What is tried where a cell's own node fails."""

_CALIBRATION = 16
_PLUGIN = Path(__file__).with_name("plugin.py")


def nodes(family: Family) -> dict[str, dict[str, Any]]:
    """Return the pipeline's stages by node; a cell's node is called `FORMAT-PRECISION`."""
    data = {"name": "random", "images": _CALIBRATION, "size": family.size}
    int8 = {"scheme": "int8", "data": data, "calibration": _CALIBRATION}
    return {
        "model": {"uses": "untrained", "with": {"model": family.model, "size": family.size}},
        SOURCE: {"uses": "fuse", "needs": {"model": "model"}, "with": {"tolerance": 1e-3}},
        "onnx-fp32": {"uses": "export-onnx", "needs": {"model": SOURCE}},
        "onnx-fp16": {"uses": "quantize", "needs": {"model": "onnx-fp32"}, "with": {"scheme": "fp16"}},
        "onnx-int8": {"uses": "quantize", "needs": {"model": "onnx-fp32"}, "with": int8},
        "tflite-fp32": {"uses": "export-tflite", "needs": {"model": SOURCE}, "with": {"backend": "auto"}},
        "tflite-fp16": {"uses": "quantize", "needs": {"model": "tflite-fp32"}, "with": {"scheme": "fp16"}},
        "tflite-int8": {"uses": "quantize", "needs": {"model": "tflite-fp32"}, "with": int8},
        "coreml-fp32": {"uses": "export-coreml", "needs": {"model": SOURCE}, "with": {"precision": "fp32"}},
        "coreml-fp16": {"uses": "export-coreml", "needs": {"model": SOURCE}, "with": {"precision": "fp16"}},
        "coreml-mixed": {"uses": "export-coreml", "needs": {"model": SOURCE}, "with": {"precision": "mixed"}},
        "coreml-int8": {"uses": "quantize", "needs": {"model": "coreml-fp32"}, "with": int8},
    }


def reached(formats: Collection[str], precisions: Collection[str] = PRECISIONS) -> list[str]:
    """Return the nodes of these formats' cells in these precisions, fallbacks among them."""
    wanted = {f"{one}-{precision}" for one in formats for precision in precisions}
    wanted |= {fallback for name, fallback in FALLBACK.items() if name in wanted}
    return [name for name in nodes(FAMILIES[0]) if name in wanted]


def write(folder: Path, family: Family) -> Path:
    """Write the project into a folder; return its pipeline file (JSON is YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_PLUGIN, folder / "untrained_stage.py")
    file = folder / f"{family.name}.yaml"
    pipeline = {"name": f"coverage-{family.name}", "plugins": ["untrained_stage"], "stages": nodes(family)}
    file.write_text(json.dumps(pipeline, indent=1) + "\n", encoding="utf-8")
    return file
