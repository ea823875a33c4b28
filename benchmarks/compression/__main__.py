"""`python -m benchmarks.compression`: quantised files of edgesmith's and of its peers, measured in turns."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks.compression.measure import Contender, files_of, measure, render
from benchmarks.compression.models import CALIBRATION, SUBJECTS, Subject
from benchmarks.compression.peers import RIVALS, Rival
from benchmarks.engine.peers.peer import PeerMissing, cache_folder
from benchmarks.engine.timing import note

if TYPE_CHECKING:
    from edgesmith import Dataset, Model

OURS = {
    "onnx": ("ONNX Runtime, float", "onnx"),
    "onnx-fp16": ("edgesmith, ONNX fp16", "onnx"),
    "onnx-auto": ("edgesmith, ONNX auto", "onnx"),
    "tflite": ("LiteRT, float", "tflite"),
    "tflite-fp16": ("edgesmith, TFLite fp16", "tflite"),
    "tflite-auto": ("edgesmith, TFLite auto", "tflite"),
}
BASES = {"onnx": "ONNX Runtime, float", "tflite": "LiteRT, float", "openvino": "OpenVINO, float"}


@click.command()
@click.option("--model", "models", multiple=True, type=click.Choice([one.name for one in SUBJECTS]))
@click.option("--work", type=click.Path(path_type=Path), help="Where models and files are kept, and found again.")
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(1), help="Of training on digits.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Fresh processes of each file.")
@click.option("--turns", default=5, show_default=True, type=click.IntRange(1), help="Turns within a round.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
def main(models: tuple[str, ...], work: Path | None, epochs: int, rounds: int, turns: int, threads: int) -> None:
    """Train or find the models, quantise them everywhere, measure all files in turns, print a table each."""
    place = (work or cache_folder() / "compression").absolute()
    place.mkdir(parents=True, exist_ok=True)
    for subject in SUBJECTS:
        if models and subject.name not in models:
            continue
        click.echo(table(subject, place, epochs, rounds=rounds, turns=turns, threads=threads))
        click.echo()
    load = os.getloadavg()[0]
    click.echo(
        f"{rounds} rounds of fresh processes, {turns} turns each, {threads} thread(s); the least time of a round "
        f"counts. {CALIBRATION} calibration images, the same for all. {os.cpu_count()} cores, load average {load:.1f}."
    )
    if load - threads > (os.cpu_count() or 1) / 2:
        click.echo("The machine was busy: wall times are too high; ratios of CPU time within the run still tell.")


def table(subject: Subject, place: Path, epochs: int, *, rounds: int, turns: int, threads: int) -> str:
    """Return one model's table."""
    from edgesmith import OnnxModel, TfliteModel
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    kinds = {"onnx": (OnnxModel, OnnxRuntime), "tflite": (TfliteModel, LiteRT)}
    folder = subject.make(place, epochs)
    contenders = [
        Contender(name, kind, files_of(folder / node, kinds[kind][0]), kinds[kind][1], sys.executable)
        for node, (name, kind) in OURS.items()
    ]
    contenders += [_rival(one, subject, folder) for one in RIVALS]
    model = contenders[0].model
    assert model is not None
    pixels, labels = images(subject, model)
    measure(contenders, pixels, labels, rounds=rounds, turns=turns, threads=threads)
    return render(f"{subject.name}, {subject.size} px", contenders, BASES, len(pixels))


def images(subject: Subject, model: Model) -> tuple[Any, Any]:
    """Return held-out images and their labels, None where there are none."""
    split = _dataset(subject).split("val")
    pixels = model.contract.pixels([split.image(index) for index in range(len(split))])
    return pixels, split.labels if subject.trained else None


def _dataset(subject: Subject) -> Dataset:
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.datasets.random_images import RandomImages

    given = dict(subject.data)
    cls = {"digits": Digits, "random": RandomImages}[str(given.pop("name"))]
    return cls(cls.Params(**given))


def _openvino() -> tuple[Any, Any]:
    """The kind and the runtime of the plugin, whose distribution lies in this repository."""
    source = str(Path(__file__).parents[2] / "plugins" / "edgesmith-openvino" / "src")
    if source not in sys.path:
        sys.path.append(source)
    from edgesmith_openvino.model import OpenVinoModel
    from edgesmith_openvino.runtime import OpenVino

    return OpenVinoModel, OpenVino


def _rival(rival: Rival, subject: Subject, folder: Path) -> Contender:
    """Let a peer quantise the float file with the same calibration images; a file that is there is kept."""
    import numpy as np

    from edgesmith import OnnxModel, TfliteModel, carry
    from edgesmith.calibration import draw
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    source = {"onnx": OnnxModel, "tflite": TfliteModel}[rival.source](folder / rival.source)
    made = folder / "-".join((rival.script, *rival.arguments))
    python = sys.executable
    kind: Any
    runtime: Any
    if rival.result == "openvino":
        kind, runtime = _openvino()
    else:
        kind, runtime = {"onnx": (OnnxModel, OnnxRuntime), "tflite": (TfliteModel, LiteRT)}[rival.result]
    try:
        if rival.result == "openvino":
            python = rival.python()
        if not kind(made).file.exists():
            note(f"{subject.name}: {rival.name}")
            making = made.with_name(f"making-{made.name}")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            split = _dataset(subject).split("train")
            chosen = draw(split.labels, min(CALIBRATION, len(split)), 0)
            rows = source.contract.feed(source.contract.pixels([split.image(int(index)) for index in chosen]))
            np.save(folder / f"calibration-{rival.source}.npy", rows)
            if rival.result == "openvino":
                kind(making).file.mkdir()
            rival.make(source.file, folder / f"calibration-{rival.source}.npy", kind(making).file)
            carry(source, making)
            making.rename(made)
    except PeerMissing as error:
        return Contender(rival.name, rival.result, None, runtime, python, str(error))
    return Contender(rival.name, rival.result, kind(made), runtime, python)


if __name__ == "__main__":
    main()
