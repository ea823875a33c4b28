"""The table of all cells, in Markdown, with what to do about those that failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from benchmarks.coverage.cells import Cell
from benchmarks.coverage.project import PRECISIONS

TITLES = {"onnx": "ONNX", "tflite": "TFLite", "coreml": "Core ML"}


def render(cells: Sequence[Cell]) -> str:
    """Return a table for each format: a line a family, a column a precision; then a line for each failure."""
    parts = []
    for kind in dict.fromkeys(cell.format for cell in cells):
        parts += [f"### {TITLES[kind]}", "", *_table([cell for cell in cells if cell.format == kind]), ""]
    return "\n".join([*parts[:-1], *_notes(cells)])


def _table(cells: Sequence[Cell]) -> list[str]:
    columns = sorted({cell.precision for cell in cells}, key=PRECISIONS.index)
    at = {(cell.family, cell.precision): cell for cell in cells}
    lines = [["family", *columns]]
    for family in dict.fromkeys(cell.family for cell in cells):
        found = [at.get((family, precision)) for precision in columns]
        lines.append([family, *("-" if cell is None else text(cell) for cell in found)])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]


def text(cell: Cell) -> str:
    """Return a cell's text: SQNR, agreement, size, seconds; or that it failed, and where."""
    if cell.state == "ok":
        parts = [
            f"{cell.sqnr_db:.0f} dB" if cell.sqnr_db is not None else "? dB",
            f"{100 * cell.agreement:.0f} %" if cell.agreement is not None else "? %",
            f"{(cell.bytes or 0) / 1e6:.1f} MB",
            f"{cell.seconds:.0f} s",
        ]
        return ", ".join(parts) + ("*" if cell.note else "")
    where = " ".join(part for part in (cell.op, cell.layer) if part)
    return f"{cell.state.upper()}{': ' + where if where else ''}"


def _notes(cells: Collection[Cell]) -> list[str]:
    notes = [f"- \\* {_name(cell)}: {cell.note}" for cell in cells if cell.note]
    wrong = [cell for cell in cells if cell.state in ("failed", "skipped")]
    problems = [f"- {_name(cell)}: {_one_line(cell.problem)}\n  Next: {_one_line(cell.next)}" for cell in wrong]
    return [part for group in (notes, problems) if group for part in ("", *group)]


def _name(cell: Cell) -> str:
    return f"{cell.family} {cell.format} {cell.precision}"


def _one_line(message: str) -> str:
    return " ".join(message.split())
