"""Functions called in another toolchain's environment."""

import json
import logging
import sys

import pytest

from edgesmith import StageFailed, Tool, UserError


@pytest.fixture
def borrow(playground):
    return playground.borrow


def call(function, **arguments):
    return Tool("helper", sys.executable).call(function, **arguments)


def test_it_returns_what_the_function_returns(borrow):
    told = call(borrow.look, package="click")
    assert told["python"] == sys.executable
    assert json.dumps(told)


def test_what_it_logs_reaches_the_caller_and_what_it_prints_does_not(borrow, caplog, capfd):
    caplog.set_level(logging.INFO, "edgesmith.tool")
    call(borrow.look, package="click")
    assert [record.getMessage() for record in caplog.records] == ["looking for click"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("how", "kind", "told"),
    [
        ("user", UserError, "no such thing\n  hint: try another"),
        ("stage", StageFailed, "it did not work"),
        ("bug", RuntimeError, r"ZeroDivisionError: division by zero \(in the tool 'helper'\)"),
        ("no json", RuntimeError, "set is not JSON serializable"),
        ("exit", StageFailed, "the helper process died in trip: exit code 3; its last lines were:\n    the last words"),
        ("kill", StageFailed, "the helper process died in trip: SIGKILL"),
    ],
)
def test_what_goes_wrong_there_is_told_here(borrow, how, kind, told):
    with pytest.raises(kind, match=told) as caught:
        call(borrow.trip, how=how)
    assert type(caught.value) is kind


def test_a_bug_brings_its_traceback_along(borrow):
    with pytest.raises(RuntimeError) as caught:
        call(borrow.trip, how="bug")
    assert "return 1 / 0" in caught.value.__notes__[0]


def test_commands_of_its_environment_come_first(borrow, tmp_path):
    """Converters call each other's commands."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert Tool("helper", str(python)).call(borrow.trip, how="which") == str(python)
