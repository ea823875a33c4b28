"""What a run shows: live progress on a terminal, plain timed lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from edgesmith_flows.execute import NodeResult
from edgesmith_flows.results import Summary

_PLAIN_SECONDS = 15.0


def figures_text(figures: Mapping[str, Any]) -> str:
    """Write figures as `top1=0.9812 loss=0.5234`, numbers and short texts only."""
    parts = []
    for name, value in figures.items():
        if isinstance(value, bool):
            parts.append(f"{name}={str(value).lower()}")
        elif isinstance(value, float):
            parts.append(f"{name}={value:.4g}")
        elif isinstance(value, (int, str)) and len(str(value)) <= 24:
            parts.append(f"{name}={value}")
    return " ".join(parts)


class PlainView:
    """One timed line an event; progress at most every 15 seconds a node."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = time.monotonic()
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Print one line with the time since the start."""
        with self._lock:
            taken = time.monotonic() - self._begun
            self._console.print(f"{taken:7.1f}s  {text}", markup=False, highlight=False, soft_wrap=True)

    def started(self, node: str) -> None:
        """See `Listener`."""
        self._told[node] = time.monotonic()
        self.line(f"{node}: started")

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""
        now = time.monotonic()
        if now - self._told.get(node, 0) >= _PLAIN_SECONDS:
            self._told[node] = now
            self.line(f"{node}: {done:g}/{total:g} {figures_text(figures)}")

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`."""
        self.line(f"{node + ': ' if node else ''}{'' if level == 'INFO' else level.lower() + ': '}{text}")

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""
        self.line(ended_text(result))

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class LiveView(PlainView):
    """One line a running node, with a bar, its figures and its time; finished nodes scroll above."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> LiveView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, node: str) -> None:
        """See `Listener`."""
        self._tasks[node] = self._progress.add_task(escape(node), total=None, figures="")

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""
        if node in self._tasks:
            self._progress.update(self._tasks[node], completed=done, total=total, figures=escape(figures_text(figures)))

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""
        task = self._tasks.pop(result.node.name, None)
        if task is not None:
            self._progress.remove_task(task)
        super().ended(result)


def ended_text(result: NodeResult) -> str:
    """Say how a node ended, on one line."""
    figures = figures_text(result.action.figures) if result.action else ""
    taken = f" in {result.seconds:.1f} s" if result.state in ("done", "failed") else ""
    state = result.state.upper() if result.state == "failed" else result.state
    return f"{result.node.name}: {state}{taken}{'  ' + figures if figures else ''}"


def make_view(console: Console) -> PlainView:
    """Return the live view on a terminal, the plain one elsewhere."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def print_summary(console: Console, summary: Summary) -> None:
    """Print the results table, the gates, and what failed."""
    if summary.rows:
        _print_table(console, summary)
    for gate in summary.gates:
        mark = "ok  " if gate.held else "FAIL"
        console.print(f"{mark} {gate.expression}  ({gate.detail})", markup=False, highlight=False, soft_wrap=True)


def _print_table(console: Console, summary: Summary) -> None:
    """Print aligned columns; a narrow terminal wraps the lines, where a table would cut the figures."""
    lines = [summary.columns, *summary.cells()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(summary.columns))]
    for index, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        style = "bold" if index == 0 else None
        console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True, style=style)
