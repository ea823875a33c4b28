"""The hooks' docstrings are where plugin authors start, so what stands there must work."""

import inspect
import sys
import textwrap
import types

import pluggy
import pytest

from edgesmith import hooks
from edgesmith.testing import StageContract

HOOKS = [name for name in vars(hooks) if name.startswith("edgesmith_")]


@pytest.fixture
def documented(monkeypatch):
    """Execute the plugin in a hook's docstring and return it, registered."""

    def load(hook):
        text = inspect.cleandoc(getattr(hooks, hook).__doc__).partition("::\n")[2]
        module = types.ModuleType(f"documented_{hook}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(textwrap.dedent(text), module.__dict__)  # noqa: S102 - our own docstring
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        manager.register(module)
        manager.check_pending()
        return manager

    return load


@pytest.mark.parametrize("hook", HOOKS)
def test_the_plugin_in_a_hooks_docstring_works(documented, hook):
    ((found,),) = getattr(documented(hook).hook, hook)()
    assert (found.__doc__ or "").strip()


def test_there_is_a_hook_for_each_thing_a_plugin_may_bring():
    assert {name.removeprefix("edgesmith_") for name in HOOKS} == {
        "stages", "runtimes", "targets", "datasets", "artifact_kinds", "model_sources",
    }  # fmt: skip


def test_the_documented_dataset_gives_images_and_labels(documented):
    ((dataset,),) = documented("edgesmith_datasets").hook.edgesmith_datasets()
    split = dataset(dataset.Params()).split("val")
    assert len(split) == len(split.labels) == 64
    assert split.image(1).getpixel((0, 0)) == 255


def test_the_documented_stage_refuses_unknown_params(documented):
    ((stage,),) = documented("edgesmith_stages").hook.edgesmith_stages()
    suite = StageContract()
    suite.stage = stage
    suite.test_is_named_and_documented()
    suite.test_refuses_unknown_params()
