"""Which families of networks can be pruned, and what of them can't."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.coverage.plugin import Untrained
from edgesmith import EdgesmithError
from edgesmith.testing import Outcome, run_stage

SIZE = 128

FAMILIES = (
    "mobilevit_xxs",
    "mobilevit_s",
    "mobilevitv2_050",
    "mobileone_s0",
    "fastvit_t8",
    "repvit_m0_9",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "efficientnet_lite0",
    "edgenext_xx_small",
)


def heading() -> str:
    """Return the table's first two lines."""
    columns = ("network", "params", "left", "MACs", "left", "tried", "rebuilt", "fused, ONNX", "layers that stay")
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def try_family(name: str, macs: float, size: int) -> str:
    """Prune a network with random weights, rebuild, fuse and export it; return its line of the table.

    The stage `prune` itself replays the history on the dense network and compares all sizes.

    Args:
        name: timm's.
        macs: share of the multiply-accumulates that may be left.
        size: side of the images.
    """
    with tempfile.TemporaryDirectory(prefix="edgesmith-pruning-") as work:
        try:
            return _row(name, *_made(Path(work), name, macs, size))
        except EdgesmithError as error:
            return f"| {name} | failed: {error.message.splitlines()[0]} |"


def _made(work: Path, name: str, macs: float, size: int) -> tuple[Outcome, bool, Outcome]:
    from edgesmith_stages.datasets.random_images import RandomImages
    from edgesmith_stages.export_onnx import ExportOnnx
    from edgesmith_stages.fuse import Fuse
    from edgesmith_stages.models.recipe import build, logits
    from edgesmith_stages.prune import Prune

    dense = run_stage(Untrained, work / "dense", params={"model": name, "size": size})
    asked = {"target": {"macs": macs}, "round_to": 8, "data": "random", "finetune_epochs": 0}
    pruned = run_stage(Prune, work / "pruned", dense.outputs, asked, datasets=[RandomImages])
    model: Any = pruned.outputs["model"]
    pixels, expected = model.golden()
    rebuilt = bool((logits(build(model.path), model.contract, pixels) == expected).all())
    fused = run_stage(Fuse, work / "fused", pruned.outputs, {"tolerance": 1e-3})
    return pruned, rebuilt, run_stage(ExportOnnx, work / "onnx", fused.outputs)


def _row(name: str, pruned: Outcome, rebuilt: bool, onnx: Outcome) -> str:
    figures = pruned.figures
    shares = {what: figures[f"{what}_after"] / figures[f"{what}_before"] for what in ("params", "macs")}
    stay = [f"{len(names)}: {why}" for why, names in figures["untouched"].items() if why != "it gives the classes"]
    cells = (
        name,
        f"{figures['params_before'] / 1e6:.2f} M",
        f"{shares['params']:.3f}",
        f"{figures['macs_before'] / 1e6:.1f} M",
        f"{shares['macs']:.3f}",
        str(len(figures["searched"])),
        "to the bit" if rebuilt else "other logits",
        f"{onnx.figures['sqnr_db']:.0f} dB",
        "; ".join(stay) or "none",
    )
    return f"| {' | '.join(cells)} |"
