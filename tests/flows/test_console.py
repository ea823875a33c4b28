"""What a run shows."""

import io
import re

import pytest

from edgesmith import StageFailed
from edgesmith_flows.action import Action
from edgesmith_flows.console import PlainView, figures_text, make_view, print_summary
from edgesmith_flows.gates import GateResult
from edgesmith_flows.live import LiveView
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.results import Row, Summary


@pytest.fixture
def node(engine):
    return engine.resolve("'a': {uses: write}").nodes["a"]


class Terminal(io.StringIO):
    """A terminal 100 characters wide."""

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain_colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def console(terminal=False):
    return Terminal() if terminal else io.StringIO()


def printed(stream):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())


def done(node, **figures):
    return NodeResult(node, "done", Action("k", {}, figures, {}), 1.25)


class TestPlain:
    def test_every_event_is_one_timed_line(self, node):
        out = console()
        with PlainView(out) as view:
            view.started("a")
            view.logged("a", "INFO", "reading [bold]images[/bold]")
            view.logged("a", "WARNING", "one is grey")
            view.logged("", "INFO", "building a toolchain")
            view.ended(done(node, top1=0.98765, kind="small"))
        lines = [line.split("s  ", 1) for line in printed(out).splitlines()]
        assert all(float(seconds) >= 0 for seconds, _ in lines)
        assert [text for _, text in lines] == [
            "a: started",
            "a: reading [bold]images[/bold]",
            "a: warning: one is grey",
            "building a toolchain",
            "a: done in 1.2 s  top1=0.9877 kind=small",
        ]

    def test_progress_is_told_rarely(self, node, monkeypatch):
        import edgesmith_flows.console as module

        out = console()
        view = PlainView(out)
        view.started("a")
        for step in range(1000):
            view.progressed("a", step, 1000, {"loss": 0.5})
        assert len(printed(out).splitlines()) == 1
        monkeypatch.setattr(module, "_PLAIN_SECONDS", 0)
        view.progressed("a", 500, 1000, {"loss": 0.5})
        assert printed(out).splitlines()[-1].endswith("a: 500/1000 loss=0.5")

    def test_a_long_line_is_not_broken(self):
        out = console()
        PlainView(out).line("x" * 300)
        assert len(printed(out).splitlines()) == 1

    def test_no_escape_codes_are_written_where_there_is_no_terminal(self, node):
        out = console()
        with make_view(out) as view:
            view.ended(done(node))
        assert "\x1b" not in out.getvalue()


class TestLive:
    def test_a_terminal_gets_the_live_view(self):
        assert isinstance(make_view(console(terminal=True)), LiveView)
        assert not isinstance(make_view(console()), LiveView)

    def test_a_dumb_terminal_or_a_run_with_nothing_to_do_does_not(self, monkeypatch):
        assert not isinstance(make_view(console(terminal=True), idle=True), LiveView)
        monkeypatch.setenv("TERM", "dumb")
        assert not isinstance(make_view(console(terminal=True)), LiveView)

    def test_it_shows_the_running_nodes_with_their_figures_and_then_what_came_of_them(self, node):
        out = console(terminal=True)
        with make_view(out) as view:
            view.started("a")
            view.progressed("a", 1, 4, {"loss": 0.5})
            view._progress.refresh()
            assert "25%" in printed(out)
            assert "loss=0.5" in printed(out)
            view.ended(done(node, top1=0.5))
            view.ended(done(node))
        assert "a: done in 1.2 s  top1=0.5" in printed(out)

    def test_a_failed_node_is_told_as_such(self, node):
        out = console(terminal=True)
        with make_view(out) as view:
            view.started("a")
            view.ended(NodeResult(node, "failed", None, 2.0, StageFailed("no")))
        assert "a: FAILED in 2.0 s" in printed(out)


class TestFigures:
    def test_numbers_and_short_texts_are_shown(self):
        figures = {"top1": 0.123456, "images": 360, "ok": True, "note": "x" * 30, "rows": [1], "more": {"a": 1}}
        assert figures_text(figures) == "top1=0.1235 images=360 ok=true"


class TestSummary:
    ROWS = [
        Row("fused", "torch", 5_200_000, {"top1": 0.98, "median_ms": 12.3}, "ok"),
        Row("tflite[8]", "tflite", None, {}, "no runtime"),
    ]
    GATES = [GateResult("a.x > 1", True, "a.x = 2"), GateResult("a.y > 1", False, "a.y = 0")]

    def test_where_it_is_piped_the_table_is_aligned_text(self):
        out = console()
        print_summary(out, Summary({}, self.ROWS, self.GATES))
        assert printed(out).splitlines() == [
            "node       format  bytes      top-1   median ms  status",
            "fused      torch   5,200,000  0.9800  12.30      ok",
            "tflite[8]  tflite  -          -       -          no runtime",
            "ok   a.x > 1  (a.x = 2)",
            "FAIL a.y > 1  (a.y = 0)",
        ]

    def test_on_a_terminal_every_cell_is_there(self):
        out = console(terminal=True)
        print_summary(out, Summary({}, self.ROWS, self.GATES))
        for text in ("fused", "tflite[8]", "5,200,000", "0.9800", "no runtime", "FAIL a.y > 1"):
            assert text in printed(out)

    def test_without_models_there_is_no_table(self):
        out = console()
        print_summary(out, Summary({}))
        assert printed(out) == ""
