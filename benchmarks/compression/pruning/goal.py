"""MobileViT-XXS on digits: pruned to a latency, fine-tuned, and measured beside the dense model."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.compression.measure import Contender, files_of, measure, ratio
from benchmarks.compression.models import made_by

NAMES = {
    "onnx": "ONNX Runtime, dense",
    "pruned-onnx": "ONNX Runtime, pruned",
    "tflite": "LiteRT, dense",
    "pruned-tflite": "LiteRT, pruned",
}


@dataclass(frozen=True)
class Settings:
    """What is tried.

    Attributes:
        kind: the format that candidates are timed in.
        latency: asked for.
        size: side of the images in pixels.
        epochs: of fine-tuning.
        seed: of all training.
    """

    kind: str
    latency: float
    size: int
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """A folder's name."""
        return f"pruning-{self.kind}-{self.size}-{self.latency:g}-{self.epochs}-{self.seed}".replace(".", "_")

    def pipeline(self) -> dict[str, Any]:
        """Return the pipeline: teacher and student are those of pipelines/mobilevit-int8.yaml."""
        student = {"model": "mobilevit_xxs", "temperature": 4, "alpha": 0.7, "epochs": 6, "lr": 0.006}
        stages: dict[str, Any] = {
            "teacher": {"uses": "train", "with": {"model": "mobilevit_xs", "epochs": 4, "lr": 0.003}},
            "student": {"uses": "distill", "needs": {"teacher": "teacher"}, "with": student},
            "dense": {"uses": "fuse", "needs": {"model": "student"}},
            "tuned": {
                "uses": "tune-pruning",
                "needs": {"model": "student", "file": self.kind},
                "with": {"latency": self.latency},
            },
            "pruned": {
                "uses": "prune",
                "needs": {"model": "student", "widths": "tuned.widths"},
                "with": {"finetune_epochs": self.epochs, "lr": 0.003},
            },
            "fused": {"uses": "fuse", "needs": {"model": "pruned"}},
        }
        for kind in ("onnx", "tflite"):
            stages[kind] = {"uses": f"export-{kind}", "needs": {"model": "dense"}}
            stages[f"pruned-{kind}"] = {"uses": f"export-{kind}", "needs": {"model": "fused"}}
        params = {"data": "digits", "image_size": self.size, "channels_last": True, "seed": self.seed}
        return {"name": self.name, "params": params, "stages": stages}


def table(settings: Settings, work: Path, *, rounds: int, turns: int) -> str:
    """Return the table of one run, as Markdown.

    Args:
        settings: what is tried.
        work: where files go, and are found again.
        rounds: fresh processes of each file.
        turns: within a round.
    """
    from edgesmith import OnnxModel, TfliteModel
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.models.size import count_macs
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    folder = made_by(settings.pipeline(), (*NAMES, "dense", "fused"), work)
    kinds: dict[str, Any] = {"onnx": (OnnxModel, OnnxRuntime), "tflite": (TfliteModel, LiteRT)}
    contenders = {}
    for node, name in NAMES.items():
        kind, runtime = kinds[node.removeprefix("pruned-")]
        contenders[node] = Contender(name, kind.kind, files_of(folder / node, kind), runtime, sys.executable)
    model = contenders["onnx"].model
    assert model is not None
    split = Digits(Digits.Params()).split("val")
    pixels = model.contract.pixels([split.image(index) for index in range(len(split))])
    measure(list(contenders.values()), pixels, split.labels, rounds=rounds, turns=turns, threads=1)
    macs = [_macs(folder / node, model.contract, count_macs) for node in ("dense", "fused")]
    lines = [
        f"mobilevit_xxs, {settings.size} px, seed {settings.seed}, `latency: {settings.latency:g}` on {settings.kind}: "
        f"{macs[0] / 1e6:.1f} M MACs to {macs[1] / 1e6:.1f} M ({macs[1] / macs[0]:.3f})",
        "",
        f"| | wall ms | CPU ms | time over dense's (CPU; median, least to largest of {rounds}) | top-1 of "
        f"{len(pixels)} | bytes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(one, contenders[node.removeprefix("pruned-")]) for node, one in contenders.items()]
    return "\n".join(lines)


def _row(one: Contender, dense: Contender) -> str:
    if one.trouble or one.model is None:
        return f"| {one.name} | {one.trouble or 'no file'} | | | | |"
    # `ratio` tells how many times as fast.
    found = ratio(dense.cpu_ns, one.cpu_ns)
    over = "-" if found is None else f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})"
    cells = (
        one.name,
        f"{median(one.ns) / 1e6:.3f}",
        f"{median(one.cpu_ns) / 1e6:.3f}",
        over,
        f"{one.top1:.4f}",
        f"{one.model.bytes():,}",
    )
    return f"| {' | '.join(cells)} |"


def _macs(folder: Path, contract: Any, count: Any) -> int:
    import torch

    from edgesmith_stages.models.recipe import build

    found: int = count(build(folder), torch.zeros(1, contract.channels, *contract.size))
    return found
