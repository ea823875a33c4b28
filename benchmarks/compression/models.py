"""The models: each through a pipeline of edgesmith's, from training to the quantised files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.timing import note

CALIBRATION = 128
NODES = ("onnx", "onnx-fp16", "onnx-auto", "tflite", "tflite-fp16", "tflite-auto")
"""What is measured of each."""


@dataclass(frozen=True)
class Subject:
    """One model.

    Attributes:
        name: as tables show it.
        timm: timm's name.
        size: side of its images in pixels.
        trained: on digits; otherwise its weights are random, and only latency counts.
    """

    name: str
    timm: str
    size: int
    trained: bool = True

    @property
    def data(self) -> dict[str, Any]:
        """The dataset to calibrate and to score on."""
        return {"name": "digits"} if self.trained else {"name": "random", "images": CALIBRATION, "size": self.size}

    def stages(self, epochs: int) -> dict[str, dict[str, Any]]:
        """Return the pipeline's stages."""
        train = {"model": self.timm, "image_size": self.size, "epochs": epochs, "lr": 0.004, "channels_last": True}
        model = {"uses": "train", "with": {"data": "digits", **train}}
        if not self.trained:
            model = {"uses": "untrained", "with": {"model": self.timm, "size": self.size}}
        found = {"model": model, "fused": {"uses": "fuse", "needs": {"model": "model"}}}
        data: dict[str, Any] = {"data": self.data, "calibration": CALIBRATION}
        # Random weights have no margin: their answers turn at the least noise.
        limit = {} if self.trained else {"max_drop": 1.0, "images": 16}
        for kind in ("onnx", "tflite"):
            found[kind] = {"uses": f"export-{kind}", "needs": {"model": "fused"}}
            found[f"{kind}-fp16"] = {"uses": "quantize", "needs": {"model": kind}, "with": {"scheme": "fp16"}}
            found[f"{kind}-tuned"] = {"uses": "tune-precision", "needs": {"model": kind}, "with": {**data, **limit}}
            found[f"{kind}-auto"] = {
                "uses": "quantize",
                "needs": {"model": kind, "assignment": f"{kind}-tuned.assignment"},
                "with": {**data, "scheme": "auto"},
            }
        return found

    def make(self, work: Path, epochs: int) -> Path:
        """Return the folder with a folder for each of `NODES`, running the pipeline where they are missing."""
        pipeline: dict[str, Any] = {"name": self.name, "stages": self.stages(epochs)}
        if not self.trained:
            pipeline["plugins"] = ["untrained_stage"]
        return made_by(pipeline, NODES, work)


def made_by(pipeline: Mapping[str, Any], nodes: Collection[str], work: Path) -> Path:
    """Return a folder with a folder for each of some nodes, running a pipeline where they are missing.

    Args:
        pipeline: as its file would say; its plugin `untrained_stage` is that of `benchmarks.coverage`.
        nodes: whose models are wanted.
        work: where it runs, and the store is.
    """
    name = str(pipeline["name"])
    place = work / name
    if all((place / node).is_dir() for node in nodes):
        return place
    place.mkdir(parents=True, exist_ok=True)
    plugin = Path(__file__).parent.with_name("coverage") / "plugin.py"
    shutil.copyfile(plugin, work / "untrained_stage.py")
    file = work / f"{name}.yaml"
    file.write_text(json.dumps(pipeline, indent=1) + "\n", encoding="utf-8")
    note(f"{name}: running {file}")
    command = [str(Path(sys.executable).with_name("edgesmith"))]
    store = ["--store", str(work / "store")]
    subprocess.run([*command, "run", file.name, *store], check=True, cwd=work)
    subprocess.run([*command, "get", file.name, *nodes, "--out", str(place), *store], check=True, cwd=work)
    return place


SUBJECTS = (
    Subject("mobilevit-s", "mobilevit_s", 256, trained=False),
    Subject("mobilevit-s-digits", "mobilevit_s", 128),
    Subject("mobilevit-xxs", "mobilevit_xxs", 128),
    Subject("mobilenetv2", "mobilenetv2_100", 64),
    Subject("mobileone-s0", "mobileone_s0", 64),
)
