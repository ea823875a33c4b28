"""The test kit, on stages that behave and on stages that don't."""

import itertools

import pytest
from pydantic import ValidationError

from edgesmith import DatasetRef, Stage, UserError
from edgesmith.testing import RuntimeContract, StageContract, run_stage


def test_a_stage_that_behaves_passes(playground, tmp_path):
    class TestShout(StageContract):
        stage = playground.shout.Shout
        params = {"marks": 3}

        def inputs(self, folder):
            return {"text": run_stage(playground.write.Write, folder).outputs["text"]}

    suite = TestShout()
    suite.test_is_named_and_documented()
    suite.test_refuses_unknown_params()
    suite.test_writes_only_its_outputs_and_repeats_itself(tmp_path)


def test_a_stage_that_does_not_repeat_itself_fails(playground, tmp_path):
    counter = itertools.count()

    class Restless(playground.write.Write):
        """Write another number each time."""

        def run(self, ctx, inputs, params):
            (ctx.out("text") / "text.txt").write_text(str(next(counter)))

    class TestRestless(StageContract):
        stage = Restless

    with pytest.raises(AssertionError):
        TestRestless().test_writes_only_its_outputs_and_repeats_itself(tmp_path)


def test_a_stage_that_writes_elsewhere_fails(playground, tmp_path):
    class Sloppy(playground.write.Write):
        """Write beside the output folder."""

        def run(self, ctx, inputs, params):
            super().run(ctx, inputs, params)
            (ctx.folder / "crumbs").write_text("")

    class TestSloppy(StageContract):
        stage = Sloppy

    with pytest.raises(AssertionError):
        TestSloppy().test_writes_only_its_outputs_and_repeats_itself(tmp_path)


def test_a_stage_without_a_docstring_fails():
    class Silent(Stage):
        name = "silent"

    Silent.__doc__ = None

    class TestSilent(StageContract):
        stage = Silent

    with pytest.raises(AssertionError):
        TestSilent().test_is_named_and_documented()


def test_a_runtime_that_behaves_passes(playground, tmp_path):
    class TestSignRuntime(RuntimeContract):
        runtime = playground.runtime.SignRuntime

        def model(self, folder):
            return run_stage(playground.stages.Build, folder).outputs["model"]

    TestSignRuntime().test_repeats_the_golden_pair(tmp_path)


def test_running_a_stage_gives_its_outputs_figures_and_progress(playground, tmp_path):
    from edgesmith.testing import LocalContext

    ctx = LocalContext(tmp_path, seed=7)
    made = run_stage(playground.write.Write, tmp_path, params={"text": "hi", "copies": 2}, context=ctx)
    assert made.outputs["text"].read() == "hihi"
    assert made.figures == {"letters": 4, "seed": 7}
    assert ctx.progressed == [(1, 1, {"letters": 4})]


def test_a_stage_is_checked_before_it_runs(playground, tmp_path):
    with pytest.raises(UserError, match="nothing to quote"):
        run_stage(playground.stages.Quote, tmp_path)
    with pytest.raises(ValidationError, match="copies"):
        run_stage(playground.write.Write, tmp_path, params={"copies": 0})


def test_a_param_may_name_a_dataset_that_is_given(playground, tmp_path):
    (tmp_path / "words").write_text("one two")
    data = DatasetRef(name="words", path=str(tmp_path / "words"))
    datasets = [playground.datasets.Words]
    assert run_stage(playground.stages.Quote, tmp_path, params={"data": data}, datasets=datasets).figures == {
        "words": 2
    }
    with pytest.raises(UserError, match="unknown dataset 'words'"):
        run_stage(playground.stages.Quote, tmp_path, params={"data": data})
