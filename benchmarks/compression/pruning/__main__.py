"""`python -m benchmarks.compression.pruning`: print the tables of docs/pruning.md."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchmarks.compression.pruning.families import FAMILIES, SIZE, heading, try_family
from benchmarks.compression.pruning.goal import Settings, table
from benchmarks.engine.peers.peer import cache_folder


@click.group()
def main() -> None:
    """Prune networks, and look at what comes of it."""


@main.command()
@click.option("--model", "models", multiple=True, help="timm names [default: one of each family]")
@click.option("--macs", default=0.5, show_default=True, type=click.FloatRange(0, 1, min_open=True, max_open=True))
@click.option("--size", default=SIZE, show_default=True, type=click.IntRange(32), help="Side of the images.")
def families(models: tuple[str, ...], macs: float, size: int) -> None:
    """Prune a network with random weights of each family to a share of its MACs, fuse it, export it to ONNX."""
    click.echo(heading())
    for name in models or FAMILIES:
        click.echo(try_family(name, macs, size))


@main.command()
@click.option("--work", type=click.Path(path_type=Path), help="Where models and files are kept, and found again.")
@click.option("--format", "kind", default="onnx", show_default=True, type=click.Choice(["onnx", "tflite"]))
@click.option("--latency", default=0.6, show_default=True, help="Asked of `tune-pruning`; of the dense model's.")
@click.option("--size", default=64, show_default=True, type=click.IntRange(32), help="Side of the images.")
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(1), help="Of fine-tuning.")
@click.option("--seed", "seeds", multiple=True, default=(0,), show_default=True, type=int, help="Of all training.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Fresh processes of each file.")
@click.option("--turns", default=10, show_default=True, type=click.IntRange(1), help="Turns within a round.")
def goal(
    work: Path | None,
    kind: str,
    latency: float,
    size: int,
    epochs: int,
    seeds: tuple[int, ...],
    rounds: int,
    turns: int,
) -> None:
    """Prune MobileViT-XXS on digits to a latency, fine-tune it, and measure it beside the dense model, in turns."""
    place = (work or cache_folder() / "pruning").absolute()
    place.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        click.echo(table(Settings(kind, latency, size, epochs, seed), place, rounds=rounds, turns=turns))
        click.echo()
    click.echo(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
