"""Plugins are found, and each is loaded alone."""

import sys
import textwrap
import uuid

import pytest

from edgesmith import CONTRACT, TfliteModel, UserError
from edgesmith_flows.registry import Registry, load_registry

GOOD = """
    from edgesmith import Stage, hookimpl

    class Good(Stage):
        "Do good."
        name = "good"

        def run(self, ctx, inputs, params):
            pass

    @hookimpl
    def edgesmith_stages():
        return [Good]
    """


def plugin(body):
    """A plugin with a stage, whose class body gets more lines."""
    return GOOD.replace('name = "good"', 'name = "good"\n        ' + body)


def brings(hook, expression):
    """A plugin whose hook returns an expression."""
    return f"import edgesmith\nfrom edgesmith import *\n@hookimpl\ndef edgesmith_{hook}():\n    return {expression}\n"


@pytest.fixture
def local(tmp_path, monkeypatch):
    """Write local plugin modules, load them beside the installed ones, and return the registry and their states."""
    names = {}

    def load(*texts):
        for text in texts:
            name = f"local_{uuid.uuid4().hex[:8]}"
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
            names[name] = None
        registry = load_registry(names, tmp_path)
        return registry, [plugin for plugin in registry.plugins if plugin.name in names]

    yield load
    for name in names:
        sys.modules.pop(name, None)


def test_the_built_in_plugin_comes_first_and_is_sound(registry):
    first = registry.plugins[0]
    assert first.name == "builtin"
    assert first.origin.startswith("edgesmith ")
    assert first.error is None, first.details


def test_a_local_module_brings_what_it_says(local):
    registry, (state,) = local(GOOD)
    assert registry.stages["good"].__doc__ == "Do good."
    assert state.brings == ("stages:good",)
    assert registry.origins["stages", "good"] == "local module"


def test_a_local_package_is_loaded_without_changing_the_path(registry):
    assert "write" in registry.stages
    assert not any(path.endswith("tests") for path in sys.path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        (GOOD.replace("edgesmith_stages", "edgesmith_stagse"), "'edgesmith_stagse'; did you mean 'edgesmith_stages'?"),
        (GOOD.replace("@hookimpl", ""), "edgesmith_stages lacks its decorator"),
        (
            GOOD.replace("edgesmith_stages()", "edgesmith_stages(config)"),
            "has the argument 'config'; the hook takes no",
        ),
        (GOOD.replace("return [Good]", "return 3"), "returned int; expected a list"),
        (GOOD.replace("return [Good]", "pass"), "returned NoneType; expected a list"),
        (GOOD.replace("[Good]", "['good']"), "returned 'good'; expected a subclass of edgesmith.Stage"),
        (GOOD.replace("[Good]", "[int]"), "expected a subclass of"),
        (GOOD.replace("return [Good]", "1 / 0"), "ZeroDivisionError"),
        (GOOD.replace('name = "good"', ""), "has no name"),
        (GOOD.replace("run", "walk"), "Good has no run()"),
        (plugin("version = 2"), "Good: version is 2; expected a text"),
        (plugin("requirements = 'numpy'"), "Good: requirements is 'numpy'; expected a tuple of requirements"),
        (plugin("requirements = ('numpy 2',)"), "Good: requirements is 'numpy 2'; expected a requirement (PEP 508)"),
        (plugin("class Params: pass"), "expected a subclass of Stage.Params"),
        (plugin("inputs = ['model']"), "Good: inputs is ['model']; expected a mapping"),
        (plugin("inputs = {'model': 'onnx'}"), "Good: inputs['model'] is 'onnx'; expected an artifact kind"),
        (plugin("outputs = {'model': str}"), "Good: outputs['model'] is <class 'str'>; expected an artifact kind"),
        (plugin("outputs = {'a model': Stage}"), "is 'a model'; expected a port name"),
        (plugin("from edgesmith import Model; outputs = {'model': Model}"), "expected a kind that files can have"),
        (plugin("from edgesmith import Report, many; outputs = {'out': many(Report)}"), "can be neither many() nor"),
        (plugin("from edgesmith import like; outputs = {'model': like('modle')}"), "like('modle'), unknown input"),
        (
            plugin("from edgesmith import OnnxModel, Report; outputs = {'model': OnnxModel | Report}"),
            "has 2 kinds; an output has one",
        ),
        (brings("runtimes", "[type('R', (Runtime,), {'name': 'r'})]"), "R has no load()"),
        (
            brings("runtimes", "[type('R', (Runtime,), dict(name='r', accepts=OnnxModel, load=id, predict=id))]"),
            "accepts is <class 'edgesmith.artifacts.OnnxModel'>; expected a tuple",
        ),
        (brings("targets", "[type('T', (Target,), {'name': 't'})]"), "T has no identity()"),
        (brings("datasets", "[type('D', (Dataset,), {'name': 'd'})]"), "D has no fingerprint()"),
        (brings("artifact_kinds", "[type('K', (Model,), {'kind': 'k'})]"), "main is ''; expected the name of the"),
        (brings("model_sources", "[type('S', (ModelSource,), dict(name='s', factory='s'))]"), "factory is 's'; expec"),
    ],
)
def test_a_plugin_that_fails_is_recorded_with_its_cause_and_the_others_work(local, text, error):
    registry, (bad, good) = local(text, GOOD)
    assert error in bad.error
    assert bad.hint
    assert bad.name in bad.message
    assert "Traceback" in bad.details
    assert good.error is None
    assert "good" in registry.stages


class TestContract:
    """What a plugin was built for (docs/contract.md)."""

    @pytest.mark.parametrize("later", ["", "from edgesmith import ThingOfTheFuture", "import edgesmith.thing"])
    def test_one_built_for_a_later_contract_is_told_from_one_that_is_broken(self, local, later):
        _, (state,) = local(f"edgesmith_contract = {CONTRACT + 1}\n{later}")
        wanted = f"it was built for contract {CONTRACT + 1} of edgesmith; this edgesmith has contract {CONTRACT}"
        assert state.error == wanted
        assert state.hint.startswith("update edgesmith, or install a release of local_")

    def test_one_built_for_a_contract_that_is_no_more_is_refused(self, local):
        _, (state,) = local("edgesmith_contract = 0")
        assert "it was built for contract 0 of edgesmith" in state.error
        assert state.hint.startswith("update local_")

    def test_one_that_states_none_is_taken_for_the_oldest(self, local):
        _, (state,) = local(GOOD)
        assert state.error is None

    def test_it_is_a_number(self, local):
        _, (state,) = local("edgesmith_contract = '1'")
        assert state.error == "edgesmith_contract is '1'; expected an integer, such as edgesmith_contract = 1"

    def test_what_is_on_its_way_out_is_noted(self, local):
        old = "from edgesmith.deprecation import deprecated\ndeprecated('edgesmith.Old', 'edgesmith.New', until=3)"
        registry, (state,) = local(old + textwrap.dedent(GOOD))
        assert state.notes == ("edgesmith.Old is gone in contract 3: use edgesmith.New",)
        assert "good" in registry.stages

    def test_other_warnings_are_left_alone(self, local):
        with pytest.warns(UserWarning, match="of my own"):
            local("import warnings\nwarnings.warn('of my own')" + textwrap.dedent(GOOD))


def test_a_plugin_without_hooks_is_noted(local):
    _, (state,) = local("x = 1")
    assert state.notes == ("it brings nothing: it has no hook, or its hooks return empty lists",)


def test_a_kind_that_no_plugin_brings_is_noted(local):
    body = """from edgesmith import Artifact
        Own = type("Own", (Artifact,), {"kind": "own"})
        outputs = {"thing": Own}"""
    _, (state,) = local(plugin(body))
    (note,) = state.notes
    assert note.startswith("the stage 'good' gives the kind 'own' (thing), which no plugin brings: return it from")


def test_a_module_that_is_not_there_is_recorded():
    registry = load_registry(["no_such_plugin"])
    assert registry.plugins[-1].error == "ModuleNotFoundError: No module named 'no_such_plugin'"


def test_a_failed_plugin_is_raised_only_when_something_is_missing(local):
    registry, _ = local("import no_such_module", GOOD)
    assert registry.find("stage", registry.stages, "good").name == "good"
    with pytest.raises(UserError, match=r"unknown stage 'shiny'(.|\n)*may bring it: local_\w+ .*no_such_module"):
        registry.find("stage", registry.stages, "shiny")


def test_two_plugins_that_bring_one_name_are_both_named(local):
    registry, (first, second) = local(GOOD, GOOD)
    assert first.error is None
    assert second.error == "two plugins bring the stage 'good': local module and local module"
    assert second.hint == f"uninstall one of them, or rename the stage in {second.name}"
    assert registry.stages["good"].__module__ == first.name


def test_a_plugin_that_brings_one_name_twice_is_refused(local):
    _, (state,) = local(GOOD + "\n    class Again(Good):\n        pass\n" + GOOD.replace("[Good]", "[Good, Again]"))
    assert state.error == "it brings two stages called 'good'"


def test_a_plugin_may_not_take_a_built_in_name(local):
    _, (state,) = local(GOOD.replace('"good"', '"train"'))
    assert state.error.startswith("two plugins bring the stage 'train': edgesmith ")


def test_of_a_failed_plugin_nothing_is_kept(local):
    registry, _ = local(GOOD + "\n    @hookimpl\n    def edgesmith_runtimes():\n        return [3]\n")
    assert "good" not in registry.stages


class TestRuntimeFor:
    RUNTIMES = """
        from edgesmith import Model, Runtime, TfliteModel, hookimpl

        class Any(Runtime):
            name, accepts = "any", (Model,)

        class Broken(Runtime):
            name, accepts = "broken", (TfliteModel,)

            @classmethod
            def unavailable(cls):
                return "needs a Mac"

        class Crashing(Runtime):
            name, accepts = "crashing", (TfliteModel,)

            @classmethod
            def unavailable(cls):
                return {}["device"]

        class Zealous(Runtime):
            name, accepts = "zealous", (TfliteModel,)
        """

    def registry(self, local, *names):
        _, _ = local(self.RUNTIMES)
        module = sys.modules[next(name for name in sys.modules if name.startswith("local_"))]
        return Registry(runtimes={name.lower(): getattr(module, name) for name in names})

    def test_the_one_that_names_the_kind_itself_goes_first(self, local):
        runtime, _ = self.registry(local, "Any", "Zealous").runtime_for(TfliteModel)
        assert runtime.name == "zealous"

    def test_one_that_names_a_base_will_do(self, local):
        assert self.registry(local, "Any").runtime_for(TfliteModel)[0].name == "any"

    def test_an_unavailable_one_is_passed_over(self, local):
        assert self.registry(local, "Broken", "Any").runtime_for(TfliteModel)[0].name == "any"

    def test_one_that_crashes_when_asked_is_passed_over(self, local):
        registry = self.registry(local, "Crashing", "Any")
        assert registry.runtime_for(TfliteModel)[0].name == "any"
        del registry.runtimes["any"]
        assert registry.runtime_for(TfliteModel)[1] == "crashing: its unavailable() failed: KeyError: 'device'"

    def test_where_none_is_left_the_reasons_are_told(self, local):
        assert self.registry(local, "Broken").runtime_for(TfliteModel) == (None, "broken: needs a Mac")
        assert self.registry(local).runtime_for(TfliteModel) == (None, "no runtime for tflite")
