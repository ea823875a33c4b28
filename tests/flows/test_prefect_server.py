"""The server that a run brings along (see test_run.py for how it serves and ends)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from edgesmith import EdgesmithError
from edgesmith_flows import prefect_server
from edgesmith_flows.prefect_server import run_server


@pytest.mark.slow
def test_a_server_that_cannot_start_is_told_in_its_own_last_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite+aiosqlite:////nowhere/at/all.db")
    message = r"could not be started:\n(.|\n)*(unable to open|No such file)"
    with pytest.raises(EdgesmithError, match=message) as caught, run_server(tmp_path / "log"):
        pytest.fail("it started")
    assert "PREFECT_API_URL" in caught.value.hint


def test_one_that_takes_too_long_is_ended_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(prefect_server, "START_SECONDS", 0.0)
    with pytest.raises(EdgesmithError, match="did not answer within 0 s"), run_server(tmp_path / "log"):
        pytest.fail("it answered")


@pytest.mark.slow
def test_two_that_start_at_once_on_a_database_that_is_not_there_yet_don_t_break_it(tmp_path, monkeypatch):
    """Prefect's migrations do, in one of three tries."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))

    def serve(number):
        with run_server(tmp_path / "log") as url:
            return url

    with ThreadPoolExecutor() as threads:
        assert len(set(threads.map(serve, range(2)))) == 2
