"""Plugins are found, and each is loaded alone."""

import sys
import textwrap
import uuid

import pytest

from edgesmith import TfliteModel, UserError
from edgesmith_flows.registry import Registry, load_registry

GOOD = """
    from edgesmith import Stage, hookimpl

    class Good(Stage):
        "Do good."
        name = "good"

    @hookimpl
    def edgesmith_stages():
        return [Good]
    """


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
        (
            "from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stagse(): return []",
            "unknown hook 'edgesmith_stagse'",
        ),
        (
            "from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stages(): return 3",
            "returned int; expected a list",
        ),
        (
            "from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stages(): return None",
            "returned NoneType; expected",
        ),
        (
            "from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stages(): return ['good']",
            "expected a subclass of",
        ),
        ("from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stages(): return [int]", "expected a subclass of"),
        ("from edgesmith import hookimpl\n@hookimpl\ndef edgesmith_stages(): 1 / 0", "ZeroDivisionError"),
        ("from edgesmith import Stage, hookimpl\n@hookimpl\ndef edgesmith_stages(): return [Stage]", "has no name"),
    ],
)
def test_a_plugin_that_fails_is_recorded_with_its_cause_and_the_others_work(local, text, error):
    registry, (bad, good) = local(text, GOOD)
    assert error in bad.error
    assert "Traceback" in bad.details
    assert good.error is None
    assert "good" in registry.stages


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

    def test_where_none_is_left_the_reasons_are_told(self, local):
        assert self.registry(local, "Broken").runtime_for(TfliteModel) == (None, "broken: needs a Mac")
        assert self.registry(local).runtime_for(TfliteModel) == (None, "no runtime for tflite")
