"""Stages that fill reports: figures as told, and a section of every shape."""

from __future__ import annotations

import json
from typing import Any

from edgesmith import Report, Stage, many
from edgesmith.sections import Curves, Input, Layers, Matrix, Picture, Pictures, Point, Points, Sample, Samples, Table

from .kinds import Sign, Text


class Assay(Stage):
    """Give the figures that its params name: one mapping for each model, if they behave, and some of its own."""

    name, version = "assay", "1"
    inputs = {"models": many(Sign)}
    outputs = {"report": Report}

    class Params(Stage.Params):
        figures: tuple[Any, ...]
        own: dict[str, Any] = {}

    def run(self, ctx, inputs, params):
        (ctx.out("report") / "report.json").write_text("{}")
        return {"models": list(params.figures), **params.own}


class Exhibit(Stage):
    """Write a report with sections of every shape; `word` stands in all their texts."""

    name, version = "exhibit", "1"
    inputs = {"models": many(Sign)}
    outputs = {"report": Report, "text": Text}

    class Params(Stage.Params):
        word: str = "cat"
        pictures: int = 3

    def run(self, ctx, inputs, params):
        word, folder = params.word, ctx.out("report")
        (ctx.out("text") / "text.txt").write_text(word)
        both = (word, "dog")
        subjects = [Input(port="models", index=index) for index in range(len(inputs["models"]))]
        for index in range(params.pictures):
            (folder / f"{index}.png").write_bytes(png(index))
        pictures = [Picture(file=f"{i}.png", caption=f"{word} {i}", of=subjects[-1]) for i in range(params.pictures)]
        sections = [
            Samples(
                title="latency",
                unit="ms",
                samples=tuple(
                    Sample(of=one, values=tuple(2.0 ** -one.index + 0.01 * (i * 7 % 11) for i in range(40)))
                    for one in subjects
                ),
            ),
            *(
                Matrix(title="confusion", of=one, rows=both, columns=both, cells=((40, 2), (one.index, 9)))
                for one in subjects
            ),
            Table(title="pairs", columns=("label", "images"), rows=((word, 3), (None, 0.12345678))),
            Points(
                title="trials", x="ms", y="top1",
                points=tuple(Point(name=f"{i}", x=2.0**i, y=0.8 + i / 50, note=word, marked=i > 2) for i in range(6)),
            ),
            Layers(
                title="noise", unit="dB", bar=20, layers=tuple(f"{word}.{i}" for i in range(12)),
                values={"SQNR": tuple(None if i == 5 else 60.0 - 4 * i for i in range(12))},
            ),
            Pictures(title="lost", pictures=tuple(pictures)),
        ]  # fmt: skip
        document = {"sections": [section.document() for section in sections]}
        (folder / "report.json").write_text(json.dumps(document))
        curves = {"loss": tuple(2.0 / (step + 1) for step in range(6)), "top-1": (0.2, 0.5, 0.7, 0.8, 0.82, 0.83)}
        return {"sections": [Curves(title=word, x="epoch", curves=curves).document()]}


def png(shade: int) -> bytes:
    """A picture of 8 by 8 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes((x * 30 + shade * 17) % 256 for x in range(8)) for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
