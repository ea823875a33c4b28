"""The test kit, on stages that behave and on stages that don't."""

import importlib
import inspect
import itertools
import re
import sys
import uuid
from pathlib import Path

import pytest
from pydantic import ValidationError

from edgesmith import DatasetRef, Stage, UserError
from edgesmith.testing import DatasetContract, LocalContext, RuntimeContract, StageContract, TargetContract, run_stage
from edgesmith_stages.datasets.random_images import RandomImages


def passes(suite, tmp_path):
    """Run every test of a contract class, as pytest would."""
    tests = [name for name in dir(suite) if name.startswith("test_")]
    for name in tests:
        folder = tmp_path / name
        folder.mkdir()
        test = getattr(suite, name)
        test(folder) if "tmp_path" in inspect.signature(test).parameters else test()
    return len(tests)


def test_a_stage_that_behaves_passes(playground, tmp_path):
    class TestShout(StageContract):
        stage = playground.shout.Shout
        params = {"marks": 3}
        bad_params = [{"marks": "many"}]

        def inputs(self, folder):
            return {"text": run_stage(playground.write.Write, folder).outputs["text"]}

    assert passes(TestShout(), tmp_path) == 7


@pytest.mark.parametrize(
    ("returned", "told"), [(3, "run() returned int; expected a mapping"), ({"odd": object()}, "that are not JSON")]
)
def test_a_stage_that_returns_the_wrong_thing_is_told(playground, tmp_path, returned, told):
    class Odd(playground.write.Write):
        def run(self, ctx, inputs, params):
            return returned

    with pytest.raises(UserError, match=re.escape(told)):
        run_stage(Odd, tmp_path)


def test_a_stage_that_writes_into_the_working_folder_fails(playground, tmp_path):
    class Local(playground.write.Write):
        def run(self, ctx, inputs, params):
            super().run(ctx, inputs, params)
            Path("crumbs").write_text("")

    class TestLocal(StageContract):
        stage = Local

    with pytest.raises(AssertionError, match="into the working folder"):
        TestLocal().test_writes_only_its_outputs_and_repeats_itself(tmp_path)
    assert not Path("crumbs").exists()


def test_a_stage_that_changes_its_inputs_fails(playground, tmp_path):
    class Greedy(playground.shout.Shout):
        def run(self, ctx, inputs, params):
            super().run(ctx, inputs, params)
            (inputs["text"].path / "text.txt").write_text("mine")

    class TestGreedy(StageContract):
        stage = Greedy

        def inputs(self, folder):
            return {"text": run_stage(playground.write.Write, folder).outputs["text"]}

    with pytest.raises(AssertionError, match="changed its inputs"):
        TestGreedy().test_writes_only_its_outputs_and_repeats_itself(tmp_path)


def test_a_stage_that_takes_bad_params_fails(playground, tmp_path):
    class TestWrite(StageContract):
        stage = playground.write.Write
        bad_params = [{"copies": 0}, {"text": "fine"}]

    with pytest.raises(AssertionError, match="it ran"):
        TestWrite().test_refuses_bad_params_before_the_run(tmp_path)


def test_a_stage_that_no_worker_can_import_fails():
    class Hidden(Stage):
        name = "hidden"

    class TestHidden(StageContract):
        stage = Hidden

    with pytest.raises(AssertionError, match="can't be imported: move the class to the top level of a module"):
        TestHidden().test_is_importable_by_name()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A plugin's module, importable."""

    def load(text):
        name = f"module_{uuid.uuid4().hex[:8]}"
        (tmp_path / f"{name}.py").write_text("from edgesmith import Stage, Target\n" + text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return importlib.import_module(name)

    return load


def test_a_stage_whose_import_brings_what_it_requires_fails(module, tmp_path):
    class TestHeavy(StageContract):
        stage = module("import click\nclass Heavy(Stage):\n    name, requirements = 'heavy', ('click>=8',)\n").Heavy

    with pytest.raises(AssertionError, match="Heavy imports click: do it when it runs"):
        TestHeavy().test_importing_it_brings_nothing_heavy(tmp_path)


@pytest.mark.slow
def test_a_key_that_depends_on_the_process_fails(module, tmp_path):
    code = "import os\nclass Restless(Target):\n    name = 't'\n    def identity(self): return {'pid': os.getpid()}\n"

    class TestRestless(TargetContract):
        target = module(code).Restless

    with pytest.raises(AssertionError, match=r"two processes disagree on identity: .*pid"):
        TestRestless().test_its_key_is_deterministic(tmp_path)


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


@pytest.mark.slow
def test_a_runtime_that_behaves_passes(playground, tmp_path):
    class TestSignRuntime(RuntimeContract):
        runtime = playground.runtime.SignRuntime

        def model(self, folder):
            return run_stage(playground.stages.Build, folder).outputs["model"]

    assert passes(TestSignRuntime(), tmp_path) == 5


@pytest.mark.slow
def test_a_target_that_behaves_passes(playground, tmp_path):
    class TestDesk(TargetContract):
        target = playground.target.Desk
        runtime = playground.runtime.SignRuntime

        def model(self, folder):
            return run_stage(playground.stages.Build, folder).outputs["model"]

    assert passes(TestDesk(), tmp_path) == 6


@pytest.mark.slow
def test_a_dataset_that_behaves_passes(tmp_path):
    class TestRandom(DatasetContract):
        dataset = RandomImages
        params = {"images": 3}

    assert passes(TestRandom(), tmp_path) == 6


def test_a_model_is_opened_on_the_target_that_is_named(playground, tmp_path):
    model = run_stage(playground.stages.Build, tmp_path).outputs["model"]
    ctx = LocalContext(tmp_path, runtimes=[playground.runtime.SignRuntime], targets=[playground.target.Desk])
    pixels, logits = model.golden()
    with ctx.open(model, target="desk") as process:
        assert abs(process.predict(pixels) - logits).max() < 1e-3
    with pytest.raises(UserError, match="unknown target 'dusk'; did you mean 'desk'"):
        ctx.open(model, target="dusk")


def test_running_a_stage_gives_its_outputs_figures_and_progress(playground, tmp_path):
    ctx = LocalContext(tmp_path, seed=7)
    made = run_stage(playground.write.Write, tmp_path, params={"text": "hi", "copies": 2}, context=ctx)
    assert made.outputs["text"].read() == "hihi"
    assert made.figures == {"letters": 4, "seed": 7}
    assert ctx.progressed == [(1, 1, {"letters": 4})]


def test_running_a_stage_tells_what_it_lost(playground, tmp_path):
    made = run_stage(playground.mischief.Mischief, tmp_path / "one", params={"how": "lose"})
    assert made.lost == ("the last page was lost\nin the rain",)
    assert run_stage(playground.mischief.Mischief, tmp_path / "two", params={"how": "worry"}).lost == ()


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
