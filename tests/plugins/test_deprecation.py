"""How the contract lets go of a name (docs/contract.md)."""

import re
import warnings
from pathlib import Path

import pluggy
import pytest

import edgesmith
from edgesmith.deprecation import ContractWarning, deprecated

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"


def test_a_name_on_its_way_out_works_and_says_what_to_use(monkeypatch):
    monkeypatch.setitem(edgesmith._LEAVING, "OldStage", ("Stage", 2))
    with pytest.warns(ContractWarning, match=r"edgesmith\.OldStage is gone in contract 2: use edgesmith\.Stage"):
        assert edgesmith.OldStage is edgesmith.Stage


def test_it_says_so_each_time_that_it_is_asked_for(monkeypatch):
    monkeypatch.setitem(edgesmith._LEAVING, "OldStage", ("Stage", 2))
    for _ in range(2):
        with pytest.warns(ContractWarning):
            _ = edgesmith.OldStage


def test_the_warning_stands_where_the_name_is_used():
    def old():
        deprecated("old()", "new()", until=2)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        old()
    assert caught[0].filename == __file__


def test_a_hook_on_its_way_out_warns_when_a_plugin_has_it():
    spec, impl = pluggy.HookspecMarker("x"), pluggy.HookimplMarker("x")

    class Specs:
        @spec(warn_on_impl=ContractWarning("old_hook is gone in contract 2: use new_hook"))
        def old_hook(self): ...

    class Plugin:
        @impl
        def old_hook(self): ...

    manager = pluggy.PluginManager("x")
    manager.add_hookspecs(Specs)
    with pytest.warns(ContractWarning, match="use new_hook"):
        manager.register(Plugin())


def test_the_policy_page_knows_the_contract_version():
    rows = re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [str(version) for version in range(1, edgesmith.CONTRACT + 1)]


def test_names_that_left_are_not_listed_anew():
    assert not set(edgesmith._LEAVING) & set(edgesmith.__all__)
