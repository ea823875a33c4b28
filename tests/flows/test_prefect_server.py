"""The server that a run brings along (see test_run.py for how it serves and ends)."""

import pytest

from edgesmith import EdgesmithError
from edgesmith_flows.prefect_server import run_server


@pytest.mark.slow
def test_a_server_that_cannot_start_is_told_in_its_own_last_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////nowhere/at/all.db")
    message = r"could not be started:\n(.|\n)*(unable to open|No such file)"
    with pytest.raises(EdgesmithError, match=message) as caught, run_server(tmp_path / "log"):
        pytest.fail("it started")
    assert "PREFECT_API_URL" in caught.value.hint
