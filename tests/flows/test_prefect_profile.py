"""What `edgesmith deploy` and `edgesmith serve` write into Prefect's profile."""

from pathlib import Path

import pytest


@pytest.fixture
def enabled(tmp_path, monkeypatch):
    """Enable names with a profile and an environment; return its settings then, what was told, and the warnings."""
    from prefect.context import use_profile
    from prefect.settings import Profile, load_profiles

    from edgesmith_flows.prefect_profile import enable_names

    monkeypatch.chdir(tmp_path)

    def enabled(profiles: Path = tmp_path / "profiles.toml", environment=(), **settings):
        monkeypatch.setenv("PREFECT_PROFILES_PATH", str(profiles))
        for name, value in environment:
            monkeypatch.setenv(name, value)
        told, warned = [], []
        with use_profile(Profile(name="mine", settings=settings), include_current_context=False):
            enable_names(told.append, warned.append)
            found = load_profiles(include_defaults=False)
        held = {one.name: value for one, value in found["mine"].settings.items()} if "mine" in found else None
        return held, told, warned

    return enabled


def test_by_default_our_plugin_and_no_other_is_switched_on(enabled):
    held, told, warned = enabled()
    assert held == {"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": "edgesmith"}
    assert told == ["Prefect's profile 'mine' loads the plug-in `edgesmith` now, which finds deployments by name alone"]
    assert warned == []


def test_it_is_added_to_those_that_are_allowed(enabled):
    held, told, _ = enabled(PREFECT_PLUGINS_ENABLED="true", PREFECT_PLUGINS_ALLOW="aws,ours")
    assert held == {"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": "aws,edgesmith,ours"}
    assert len(told) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"PREFECT_PLUGINS_ENABLED": "true"},
        {"PREFECT_PLUGINS_ENABLED": "true", "PREFECT_PLUGINS_ALLOW": "edgesmith,ours"},
        {"PREFECT_PLUGINS_ENABLED": "false"},
        {"PREFECT_PLUGINS_DENY": "edgesmith"},
    ],
    ids=["all are loaded", "it is allowed", "all are off", "it is denied"],
)
def test_what_users_have_set_stays(enabled, settings):
    assert enabled(**settings) == (None, [], [])


def test_a_list_outside_of_the_profile_is_the_users_to_change(enabled):
    held, told, (warned,) = enabled(
        environment=[("PREFECT_PLUGINS_ENABLED", "true"), ("PREFECT_PLUGINS_ALLOW", "ours")]
    )
    assert (held, told) == (None, [])
    assert "set PREFECT_PLUGINS_ALLOW=edgesmith,ours where it is set now" in warned


def test_a_profile_that_cannot_be_written_is_a_warning(enabled, tmp_path):
    (tmp_path / "file").write_text("")
    held, told, (warned,) = enabled(profiles=tmp_path / "file" / "profiles.toml")
    assert (held, told) == (None, [])
    assert "FLOW/DEPLOYMENT: Prefect's profile 'mine' can't be written: " in warned
