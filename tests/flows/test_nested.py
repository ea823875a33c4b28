"""A stage runs a pipeline: in the same store, with other params, as part of its key."""

import contextlib
import textwrap

import pytest

from edgesmith import EdgesmithError, UserError
from edgesmith_flows import nested
from edgesmith_flows.heard import Heard
from edgesmith_flows.results import summarise

INNER = """
name: inner
params: {text: hi}
stages:
  a: {uses: write}
  b: {uses: shout, needs: a, with: {marks: 1}}
gates:
  - a.letters <= 3
"""


@pytest.fixture
def inner(tmp_path):
    """A pipeline's file, and how an outer one names it."""
    file = tmp_path / "inner.yaml"
    file.write_text(INNER)
    return file


def outer(file, **params):
    given = "".join(f", {name}: {value}" for name, value in params.items())
    return f"r: {{uses: rehearse, with: {{pipeline: {file}, texts: [one, four]{given}}}}}"


def make_ahead(engine, file, *texts):
    """Make the inner nodes, so that the nested run finds them: what Prefect does with a run is tested with the CLI."""
    for text in texts:
        run = engine.run(file.read_text().replace("{text: hi}", f"{{text: {text}}}"))
        assert set(run.states.values()) <= {"done", "cached"}


def make_all(executor, title):
    """Do what Prefect does with a nested run, one node after another."""
    for name in executor.plan.steps:
        with contextlib.suppress(EdgesmithError):
            executor.make(name)
    return summarise(executor.plan, executor.results, executor.store)


def unreachable(*_):
    raise UserError("the data are away")


class TestRunning:
    def test_it_is_told_values_gates_and_artifacts(self, engine, inner):
        make_ahead(engine, inner, "one", "four")
        run = engine.run(outer(inner, keep="b"))
        assert run.states == {"r": "done"}
        assert run.figures("r")["values"] == [3, 4]
        assert [len(missed) for missed in run.figures("r")["missed"]] == [0, 1]
        assert run.figures("r")["made"] == [0, 0]
        assert run.text("r") == "FOUR!"

    def test_what_it_asks_in_vain_comes_with_the_reason(self, engine, inner):
        make_ahead(engine, inner, "one", "four")
        run = engine.run(outer(inner, ask="a.leters"))
        assert run.figures("r")["values"] == [None, None]
        assert "did you mean 'letters'" in run.figures("r")["reasons"][0][0]

    def test_the_result_names_the_keys_of_what_it_ran(self, engine, inner):
        make_ahead(engine, inner, "one", "four")
        action = engine.run(outer(inner)).executor.results["r"].action
        assert len(action.through) == 4
        assert all(engine.store.recorded(key) for key in action.through)
        assert engine.store.recorded(action.key).through == action.through

    def test_a_second_run_is_cached(self, engine, inner):
        make_ahead(engine, inner, "one", "four")
        engine.run(outer(inner))
        assert engine.run(outer(inner)).states == {"r": "cached"}


class TestLosses:
    """What a nested run lost, no later run is told."""

    @pytest.fixture(autouse=True)
    def _without_prefect(self, monkeypatch):
        monkeypatch.setattr(nested, "_run", make_all)

    def lost(self, engine, file, how, **params):
        file.write_text(f"name: inner\nstages: {{a: {{uses: mischief, with: {how}}}}}\n")
        run = engine.run(outer(file, param="a.note", ask="a.pages", **params))
        assert run.states == {"r": "done"}
        return run.executor.results["r"].action.provisional

    def test_a_node_whose_result_is_for_one_run_only_makes_the_outer_one_so(self, engine, inner):
        assert self.lost(engine, inner, "{how: lose}") == ("a: the last page was lost",)
        assert engine.plan(outer(inner, param="a.note", ask="a.pages")).steps["r"].state == "run"

    def test_and_so_does_one_that_failed(self, engine, inner):
        assert self.lost(engine, inner, "{how: failure}") == ("a: the text could not be written",)

    def test_where_nothing_is_lost_the_outer_result_is_kept(self, engine, inner):
        assert self.lost(engine, inner, "{how: worry}") == ()

    def test_a_run_that_cannot_be_begun_is_lost(self, engine, inner, monkeypatch):
        make_ahead(engine, inner, "one", "four")
        monkeypatch.setattr(nested, "make_plan", unreachable)
        executor = engine.executor(outer(inner))
        node, heard = executor.plan.steps["r"].node, Heard()
        ref = node.params.pipeline.model_dump()
        with pytest.raises(UserError, match="the data are away"):
            nested.run_nested(executor, node, {"ref": ref, "params": {}, "ask": []}, heard)
        assert list(heard.provisional) == ["the data are away"]

    def test_params_that_the_pipeline_refuses_are_no_loss(self, engine, inner):
        executor = engine.executor(outer(inner))
        node, heard = executor.plan.steps["r"].node, Heard()
        ref = node.params.pipeline.model_dump()
        with pytest.raises(UserError, match=r"a\.copies"):
            nested.run_nested(executor, node, {"ref": ref, "params": {"a.copies": 101}, "ask": []}, heard)
        assert not heard.provisional


class TestKey:
    def plan(self, engine, inner, **params):
        return engine.plan(outer(inner, **params)).steps["r"].key

    def test_is_of_what_the_pipeline_does(self, engine, inner):
        before = self.plan(engine, inner)
        inner.write_text(INNER.replace("marks: 1", "marks: 2"))
        assert self.plan(engine, inner) != before

    def test_is_of_every_value_that_a_param_may_take(self, engine, inner, tmp_path):
        for name in ("one", "two"):
            (tmp_path / name).write_text(name)
        inner.write_text("name: inner\nparams: {file: x}\nstages: {a: {uses: quote}}\n")
        text = (
            f"r: {{uses: rehearse, with: {{pipeline: {inner}, param: file, texts: [{tmp_path}/one, {tmp_path}/two]}}}}"
        )
        before = engine.plan(text).steps["r"].key
        (tmp_path / "two").write_text("other words")
        assert engine.plan(text).steps["r"].key != before

    def test_is_not_of_the_files_name_nor_of_its_comments(self, engine, inner, tmp_path):
        before = self.plan(engine, inner)
        other = tmp_path / "other.yaml"
        other.write_text("# a comment\n" + INNER.replace("name: inner", "name: other"))
        assert self.plan(engine, other) == before

    def test_explain_names_the_node_that_changed(self, engine, inner):
        make_ahead(engine, inner, "one", "four")
        run = engine.run(outer(inner))
        before = run.executor.results["r"].action.document
        inner.write_text(INNER.replace("marks: 1", "marks: 2"))
        plan = engine.plan(outer(inner))
        after = engine.identities(plan.pipeline).document(plan.steps["r"].node, {})
        changed = {n for n, one in before["pipelines"]["pipeline"]["nodes"].items()
                   if after["pipelines"]["pipeline"]["nodes"][n] != one}  # fmt: skip
        assert changed == {"b"}


class TestRefusals:
    def refused(self, engine, text):
        from edgesmith_flows.yaml_source import PipelineError

        with pytest.raises(PipelineError) as found:
            engine.resolve(textwrap.dedent(text))
        return str(found.value)

    def test_an_unknown_pipeline(self, engine):
        told = self.refused(engine, "r: {uses: rehearse, with: {pipeline: smok, texts: [one]}}")
        assert "did you mean 'smoke'" in told
        assert "stages.r.with.pipeline" in told

    def test_a_value_that_a_node_of_it_refuses(self, engine, inner):
        told = self.refused(
            engine, f"r: {{uses: rehearse, with: {{pipeline: {inner}, param: a.copies, texts: ['101']}}}}"
        )
        assert "the pipeline 'inner' with a.copies=101" in told
        assert "stages.a.with.copies" in told
        assert "less than or equal to 100" in told

    def test_a_param_that_it_does_not_have(self, engine, inner):
        told = self.refused(engine, f"r: {{uses: rehearse, with: {{pipeline: {inner}, param: txt, texts: [one]}}}}")
        assert "unknown param 'txt'; did you mean 'text'?" in told

    def test_an_expression_over_a_node_that_it_does_not_have(self, engine, inner):
        assert "unknown node of inner 'c'" in self.refused(engine, outer(inner, ask="c.letters"))

    def test_a_pipeline_that_runs_itself(self, engine, tmp_path):
        file = tmp_path / "loop.yaml"
        node = f"{{uses: rehearse, with: {{pipeline: {file}, texts: [a]}}}}"
        file.write_text(f"name: loop\nparams: {{text: a}}\nstages: {{r: {node}}}\n")
        assert "a pipeline can't run itself: loop runs loop" in self.refused(
            engine, f"r: {{uses: rehearse, with: {{pipeline: {file}, texts: [one]}}}}"
        )
