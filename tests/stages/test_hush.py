"""Quiet libraries, and nobody else."""

from __future__ import annotations

import logging
import sys

import pytest

from edgesmith_stages.hush import hushed


def test_root_warnings_and_prints_are_swallowed(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Named loggers are heard, errors are heard, and all is as before afterwards."""
    with hushed("chatty"):
        print("a table")
        print("a progress bar", file=sys.stderr)
        logging.warning("per layer")
        logging.getLogger("chatty").warning("versions")
        logging.getLogger("stage").warning("worth reading")
        logging.error("broken")
    logging.warning("later")
    logging.getLogger("chatty").warning("later")
    assert capsys.readouterr() == ("", "")
    assert caplog.messages == ["worth reading", "broken", "later", "later"]
