"""Whether this environment meets a toolchain."""

import platform
from importlib import metadata

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows.toolchains.requirements import parse_requirements, python_specifier, unmet, versions_here

HERE = platform.python_version()
CLICK = metadata.version("click")


@pytest.mark.parametrize(
    "toolchain",
    [
        Toolchain(),
        Toolchain(("click", "PyYAML>=5")),
        Toolchain(("winreg-tools>=1; sys_platform == 'win32'",)),
        Toolchain(("uvicorn[standard]; sys_platform == 'win32'",)),
        Toolchain(("click",), overrides=("click>=8",), constraints=("not-installed<1",)),
        Toolchain(python=HERE),
        Toolchain(python=".".join(HERE.split(".")[:2])),
        Toolchain(python=">=3.11"),
    ],
)
def test_it_is_met(toolchain):
    assert unmet(toolchain) == []


@pytest.mark.parametrize(
    ("toolchain", "missing"),
    [
        (Toolchain(("click<1", "PyYAML")), ["click<1"]),
        (Toolchain(("no-such-package",)), ["no-such-package"]),
        (Toolchain((f"click!={CLICK}",)), [f"click!={CLICK}"]),
        (Toolchain(("click",), overrides=("click<1",)), ["click<1"]),
        (Toolchain(("click",), constraints=("PyYAML<1",)), ["PyYAML<1"]),
        (Toolchain(("click @ file:///nowhere",)), ["click @ file:///nowhere"]),
        (Toolchain(python="3.9"), ["python 3.9"]),
        (Toolchain(python="<3.11"), ["python <3.11"]),
    ],
)
def test_what_is_missing_is_named(toolchain, missing):
    assert unmet(toolchain) == missing


def test_an_extra_is_met_only_with_what_it_asks_for():
    """The distribution is here; what this extra of it needs is not."""
    extras = metadata.metadata("sqlalchemy").get_all("Provides-Extra")
    assert "oracle" in extras
    assert unmet(Toolchain(("sqlalchemy[oracle]",))) == ["sqlalchemy[oracle]"]
    assert unmet(Toolchain(("sqlalchemy[asyncio]",))) == []


def test_resolved_versions_are_those_of_all_that_was_named():
    found = versions_here(Toolchain(("Click>=8",), constraints=("PyYAML", "not-installed"), python=">=3.11"))
    assert found == {"click": CLICK, "pyyaml": metadata.version("pyyaml"), "python": HERE}


def test_a_text_that_is_no_requirement_is_a_users_error():
    with pytest.raises(UserError, match="'click>>8' is not a requirement"):
        parse_requirements(["click>>8"])


@pytest.mark.parametrize("text", ["3.x", "three", ">>3"])
def test_a_text_that_is_no_python_is_a_users_error(text):
    with pytest.raises(UserError, match="is not a Python version or specifier"):
        python_specifier(text)
