"""What the page shows, in the order it shows it: facts turned into texts and geometry."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgesmith.sections import Input, Matrix, Points, Subject, Table
from edgesmith_flows.console import figures_text
from edgesmith_flows.report.charts.boxes import Boxes, boxes
from edgesmith_flows.report.charts.graph import Graph, layout
from edgesmith_flows.report.charts.lines import Lines, layers, training
from edgesmith_flows.report.charts.points import Plot, plot
from edgesmith_flows.report.charts.scatter import Scatter, scatters
from edgesmith_flows.report.facts import Contribution, Facts, Gate, NodeFacts, Row
from edgesmith_flows.report.metrics import Metric, best, metrics_of
from edgesmith_flows.report.origin import machine, tools
from edgesmith_flows.report.pictures import Sheet, sheets
from edgesmith_flows.report.recipe import Step, given_text, recipe
from edgesmith_flows.report.verdict import Standout, Verdict, standouts, verdict

COLOURS = 8
MOST_SECTIONS = 80


@dataclass(frozen=True)
class Cell:
    """A figure of the results table."""

    value: float | None
    text: str
    best: bool


@dataclass(frozen=True)
class Line:
    """A row of the results table with what led to it."""

    index: int
    row: Row
    colour: int
    cells: list[Cell]
    recipe: list[Step]


@dataclass(frozen=True)
class NodeView:
    """A node of the graph and of the table of nodes; `share` is its part of the longest time, 0 to 1."""

    index: int
    node: NodeFacts
    took: str
    share: float
    given: str
    needs: str
    figures: str
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class MatrixView:
    """A confusion matrix; `levels` are shades, 0 to 5, by cell."""

    title: str
    matrix: Matrix
    levels: list[list[int]]
    right: str


@dataclass(frozen=True)
class TableView:
    """A table that a stage gave."""

    title: str
    table: Table


@dataclass(frozen=True)
class View:
    """Everything on the page."""

    facts: Facts
    when: str
    took: str
    verdict: Verdict
    standouts: list[Standout]
    gates: list[Gate]
    formats: Mapping[str, int]
    metrics: list[Metric]
    lines: list[Line]
    plots: list[Scatter]
    points: list[Plot]
    graph: Graph
    nodes: list[NodeView]
    training: list[Lines]
    boxes: list[Boxes]
    layers: list[Lines]
    matrices: list[MatrixView]
    sheets: list[Sheet]
    tables: list[TableView]
    tools: list[tuple[str, str, str]]
    machine: list[tuple[str, str]]
    notes: list[str] = field(default_factory=list)


def view(facts: Facts) -> View:
    """Decide what the page shows of a run."""
    notes = list(facts.notes)
    given = facts.contributions[:MOST_SECTIONS]
    if len(given) < len(facts.contributions):
        notes.append(f"{len(facts.contributions) - len(given)} sections are left out; the JSON document has all")
    notes += [f"{row.node}: {row.status}" for row in facts.rows if row.status != "ok"]
    formats = {name: i % COLOURS for i, name in enumerate(dict.fromkeys(row.format for row in facts.rows))}
    metrics = metrics_of(facts.rows)
    graph = layout({name: node.upstream for name, node in facts.nodes.items()})
    sheet, left_out = sheets(given, _named)
    notes += left_out
    return View(
        facts=facts,
        when=datetime.datetime.fromtimestamp(int(facts.begun), datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        took=duration(facts.seconds),
        verdict=verdict(facts),
        standouts=standouts(facts.rows),
        gates=sorted(facts.gates, key=lambda gate: gate.held),
        formats=formats,
        metrics=metrics,
        lines=_lines(facts, metrics, formats),
        plots=scatters(facts.rows, formats),
        points=[drawn for one in given if (drawn := _points(one)) is not None],
        graph=graph,
        nodes=_nodes(facts, graph),
        training=training(given, _named),
        boxes=[chart for one in given if (chart := _boxes(one)) is not None],
        layers=layers(given),
        matrices=[_matrix(one, one.section) for one in given if isinstance(one.section, Matrix)],
        sheets=sheet,
        tables=[TableView(_title(one, one.section.of), one.section) for one in given if isinstance(one.section, Table)],
        tools=tools(facts),
        machine=machine(facts),
        notes=list(dict.fromkeys(notes)),
    )


def duration(seconds: float) -> str:
    """Write a time: `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _lines(facts: Facts, metrics: Sequence[Metric], formats: Mapping[str, int]) -> list[Line]:
    tops = [best(one, facts.rows) for one in metrics]
    made = []
    for index, row in enumerate(facts.rows):
        values = [one.of(row) for one in metrics]
        cells = [
            Cell(value, one.text(value), value is not None and value == top)
            for one, value, top in zip(metrics, values, tops, strict=True)
        ]
        made.append(Line(index, row, formats[row.format], cells, recipe(facts.nodes, row.node)))
    return made


def _nodes(facts: Facts, graph: Graph) -> list[NodeView]:
    longest = max((node.seconds for node in facts.nodes.values()), default=0.0) or 1.0
    places = {box.name: box for box in graph.boxes}
    return [
        NodeView(
            index,
            node,
            duration(node.seconds) if node.state in ("done", "cached", "failed") else "",
            round(node.seconds / longest, 3),
            given_text(node.given),
            ", ".join(node.upstream),
            figures_text(node.figures),
            places[name].x,
            places[name].y,
        )
        for index, (name, node) in enumerate(facts.nodes.items())
    ]


def _named(one: Contribution, subject: Subject | None) -> str:
    """Return what a list of values is of: the node connected to an input, or the name given."""
    if isinstance(subject, Input):
        connected = one.node.needs.get(subject.port, [])
        return connected[subject.index] if subject.index < len(connected) else f"{subject.port} {subject.index + 1}"
    return subject or one.node.name


def _title(one: Contribution, subject: Subject | None) -> str:
    return f"{_named(one, subject)}: {one.section.title}"


def _points(one: Contribution) -> Plot | None:
    section = one.section
    return plot(section, _title(one, section.of)) if isinstance(section, Points) else None


def _boxes(one: Contribution) -> Boxes | None:
    if one.section.shape != "samples":
        return None
    return boxes(one.section, [_named(one, sample.of) for sample in one.section.samples])


def _matrix(one: Contribution, matrix: Matrix) -> MatrixView:
    total = sum(map(sum, matrix.cells))
    wrong = [v for r, row in enumerate(matrix.cells) for c, v in enumerate(row) if matrix.rows[r] != matrix.columns[c]]
    most = max(wrong, default=0) or 1
    right = total - sum(wrong)
    levels = [
        [
            0 if not v else 1 if matrix.rows[r] == matrix.columns[c] else 2 + min(3, int(3 * v / most))
            for c, v in enumerate(row)
        ]
        for r, row in enumerate(matrix.cells)
    ]
    told = f"{right:,} of {total:,} on the diagonal"
    return MatrixView(_title(one, matrix.of), matrix, levels, told)
