"""What a run shows: plain timed lines, the results table and the gates. See `live` for terminals."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Mapping
from typing import IO, Any

import click

from edgesmith_flows.outcome import NodeResult
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

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Print one line with the time since the start."""
        with self._lock:
            taken = time.monotonic() - self._begun
            self._write(f"{taken:7.1f}s  {text}")

    def _write(self, text: str) -> None:
        click.echo(text, file=self._stream)

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


class QuietView(PlainView):
    """Says nothing: what went wrong is told at the end."""

    def line(self, text: str) -> None:
        """Print nothing."""

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""


def ended_text(result: NodeResult) -> str:
    """Say how a node ended, on one line."""
    figures = figures_text(result.action.figures) if result.action else ""
    taken = f" in {result.seconds:.1f} s" if result.state in ("done", "failed") else ""
    state = result.state.upper() if result.state == "failed" else result.state
    once = " (not kept for the next run)" if result.action and result.action.provisional else ""
    return f"{result.node.name}: {state}{taken}{once}{'  ' + figures if figures else ''}"


def make_view(stream: IO[str], *, idle: bool = False, nodes: Collection[str] = ()) -> PlainView:
    """Return the live view on a terminal, the plain one elsewhere.

    Args:
        idle: nothing will run; the live view, whose library takes a while to load, is not worth it.
        nodes: names of the nodes that will run, or may.
    """
    if idle or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return PlainView(stream)
    from edgesmith_flows.live import LiveView

    return LiveView(stream, nodes)


def styled(text: str, **style: Any) -> str:
    """Style a text, unless the user (NO_COLOR, https://no-color.org) or the terminal has no use for it.

    What does not go to a terminal at all is stripped by `click.echo`.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, **style)


def print_summary(stream: IO[str], summary: Summary) -> None:
    """Print the results table, the gates, and what the next run makes again."""
    if summary.rows:
        _print_table(stream, summary)
    for gate in summary.gates:
        mark = styled("ok  ", fg="green") if gate.held else styled("FAIL", fg="red", bold=True)
        click.echo(f"{mark} {gate.expression}  ({gate.detail})", file=stream)
    for left_out in summary.left_out:
        click.echo(f"{styled('skip', dim=True)} {left_out}  (not evaluated: --only)", file=stream)
    for name, result in summary.results.items():
        if result.action is not None and (why := result.action.provisional):
            more = f" (and {len(why) - 1} more)" if len(why) > 1 else ""
            told = f"{name}: its result is not kept for the next run: {why[0]}{more}"
            click.echo(styled("warning: ", fg="yellow") + told, file=stream)


def _print_table(stream: IO[str], summary: Summary) -> None:
    """Print aligned columns; a narrow terminal wraps the lines, where a table would cut the figures."""
    lines = [summary.columns, *summary.cells()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(summary.columns))]
    for index, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(styled(text, bold=True) if index == 0 else text, file=stream)
