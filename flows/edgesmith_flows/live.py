"""What a run shows on a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import IO, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from edgesmith_flows.console import PlainView, figures_text
from edgesmith_flows.outcome import NodeResult


class TimeLeftColumn(ProgressColumn):
    """The time that a node still needs, at the pace of its last steps; nothing until there is a pace."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Write it as `1:05 left`, or `1:02:03 left`."""
        left = task.time_remaining
        if left is None or task.finished or task.total is None or task.fields.get("counts"):
            return Text("")
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        return Text(f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left")


class LiveView(PlainView):
    """One line a running node, with a bar, its figures, its time and the time left; finished nodes scroll above.

    The last line counts the nodes of the run.
    """

    def __init__(self, stream: IO[str], nodes: Collection[str] = ()) -> None:
        super().__init__(stream)
        # Bars are drawn in ASCII, and without colour, where rich finds that the terminal can do no better.
        console = Console(file=stream, highlight=False)
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeLeftColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._to_come = set(nodes)
        self._total = len(self._to_come)
        several = self._total > 1
        self._all = self._progress.add_task("nodes", total=self._total, figures="", counts=True) if several else None

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
        self._count()

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""
        if node in self._tasks:
            self._progress.update(self._tasks[node], completed=done, total=total, figures=escape(figures_text(figures)))

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""
        task = self._tasks.pop(result.node.name, None)
        if task is not None:
            self._progress.remove_task(task)
        self._to_come.discard(result.node.name)
        self._count()
        super().ended(result)

    def _count(self) -> None:
        """Say how many nodes are finished, at work and to come."""
        if self._all is None:
            return
        ended, waiting = self._total - len(self._to_come), len(self._to_come - self._tasks.keys())
        told = f"{ended} finished, {len(self._tasks)} at work, {waiting} to come"
        self._progress.update(self._all, completed=ended, figures=told)
