"""What a run shows on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from edgesmith_flows.console import PlainView, figures_text
from edgesmith_flows.outcome import NodeResult


class LiveView(PlainView):
    """One line a running node, with a bar, its figures and its time; finished nodes scroll above."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        console = Console(file=stream, highlight=False)
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

    def _write(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

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
