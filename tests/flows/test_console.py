"""What a run shows."""

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgesmith import StageFailed
from edgesmith_flows.action import Action, provisional_document
from edgesmith_flows.console import PlainView, QuietView, ended_text, figures_text, make_view, print_summary, styled
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

    def test_it_tells_how_long_a_node_still_takes(self, node):
        from rich.progress import Progress

        from edgesmith_flows.live import TimeLeftColumn

        now = [0.0]
        progress = Progress(get_time=lambda: now[0])
        tasks = [progress.add_task("a", total=None), progress.add_task("b", total=None)]

        def left():
            return [TimeLeftColumn().render(task).plain for task in progress.tasks]

        assert left() == ["", ""]
        for done in range(1, 11):
            now[0] += 30.0
            for task, total in zip(tasks, (100, 1000), strict=True):
                progress.update(task, completed=done, total=total)
        assert left() == ["45:00 left", "8:15:00 left"]

    def test_it_counts_the_nodes_of_the_run(self, node):
        out = console(terminal=True)
        with make_view(out, nodes="abc") as view:
            view.started("a")
            view._progress.refresh()
            assert "0 finished, 1 at work, 2 to come" in printed(out)
            view.ended(done(node))
            view._progress.refresh()
            assert "1 finished, 0 at work, 2 to come" in printed(out)
            view.ended(NodeResult(replace(node, name="b"), "cached", Action("k", {}, {}, {})))
            view.ended(NodeResult(replace(node, name="known before"), "cached", Action("k", {}, {}, {})))
            view._progress.refresh()
            assert "2 finished, 0 at work, 1 to come" in printed(out), "b was to run, and was found"


class TestWhatATerminalCanShow:
    def test_no_colour_where_the_user_wants_none(self, monkeypatch):
        assert "\x1b[" in styled("FAIL", fg="red")
        monkeypatch.setenv("NO_COLOR", "1")
        assert styled("FAIL", fg="red") == "FAIL"

    def test_no_colour_on_a_dumb_terminal(self, monkeypatch):
        monkeypatch.setenv("TERM", "dumb")
        assert styled("FAIL", fg="red") == "FAIL"

    def test_the_live_view_is_ascii_where_the_terminal_is_not_unicode(self, node):
        class Latin(Terminal):
            encoding = "iso-8859-1"

        out = Latin()
        with make_view(out) as view:
            view.started("a")
            view.progressed("a", 1, 4, {})
            view._progress.refresh()
        assert printed(out).isascii()

    def test_what_an_encoding_lacks_is_written_as_a_number(self, project):
        text = "name: words\ndescription: größer \u2192\nstages:\n  a: {uses: write}\n"
        (project / "words.yaml").write_text(text, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("edgesmith")), "show", "words.yaml"]
        env = {**os.environ, "PYTHONIOENCODING": "iso-8859-1"}
        done = subprocess.run(command, capture_output=True, env=env, check=True, timeout=60)
        assert done.stdout.decode("iso-8859-1").startswith("words: größer \\u2192\n")

    def test_the_quiet_view_says_nothing(self, node):
        out = console()
        with QuietView(out) as view:
            view.started("a")
            view.logged("a", "WARNING", "one is grey")
            view.progressed("a", 1, 2, {})
            view.ended(done(node))
        assert printed(out) == ""


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

    def test_a_result_that_the_next_run_makes_again_is_told_in_a_line(self, node):
        document = provisional_document({}, ("failed: the phone is gone", "failed: so is the other"), {}, {})
        lost = NodeResult(node, "done", Action("k", {}, {}, document), 1.25)
        out = console()
        print_summary(out, Summary({"a": lost}))
        assert printed(out).splitlines() == [
            "warning: a: its result is not kept for the next run: failed: the phone is gone (and 1 more)"
        ]
        assert ended_text(lost) == "a: done in 1.2 s (not kept for the next run)"

    def test_on_a_terminal_every_cell_is_there(self):
        out = console(terminal=True)
        print_summary(out, Summary({}, self.ROWS, self.GATES))
        for text in ("fused", "tflite[8]", "5,200,000", "0.9800", "no runtime", "FAIL a.y > 1"):
            assert text in printed(out)

    def test_gates_that_were_not_evaluated_are_named(self):
        out = console()
        print_summary(out, Summary({}, left_out=["a.z > 1"]))
        assert printed(out) == "skip a.z > 1  (not evaluated: --only)\n"

    def test_without_models_there_is_no_table(self):
        out = console()
        print_summary(out, Summary({}))
        assert printed(out) == ""
