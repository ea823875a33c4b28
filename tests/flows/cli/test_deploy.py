"""Mistakes at `edgesmith deploy` and `edgesmith serve`; what they do on a real server is in tests/pipelines."""

import contextlib
import http.server
import threading

import pytest

PIPELINE = "name: tiny\nstages:\n  a: {uses: write}\n"


@pytest.fixture(autouse=True)
def _pipeline(project):
    (project / "pipelines").mkdir()
    (project / "pipelines" / "tiny.yaml").write_text(PIPELINE)


@contextlib.contextmanager
def answering(status, content):
    """Start a web server that gives one answer to whatever is asked; yield its address."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.endswith("/health") else status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page():
    """The address of a web server that answers whatever is asked with a page, as Prefect's UI does."""
    with answering(200, b"<html></html>") as url:
        yield url


@pytest.mark.parametrize("command", ["deploy", "serve"])
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "there is no Prefect API"),
        (["--cron", "nonsense"], "'nonsense' is no schedule that cron knows"),
        (["--cron", "99 3 * * *"], "hint: give minute, hour,"),
        (["--cron", "0 3 * * *", "--timezone", "Europe/Berln"], "did you mean 'Europe/Berlin'?"),
        (["--timezone", "Europe/Berlin"], "belongs to a schedule"),
    ],
)
def test_a_mistake_is_one_message(call, command, options, told):
    answer = call(command, "tiny", *options)
    assert (answer.code, answer.out) == (1, "")
    assert told in answer.err


def test_an_address_that_is_not_the_api_is_told(call, page):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: page}):
        answer = call("deploy", "tiny")
    assert answer.code == 1
    assert "is not Prefect's API" in answer.err
    assert "/api?" in answer.err


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "refuses the credentials (401 Unauthorized)"),
        (403, "refuses the credentials"),
        (409, "answers 409 Conflict: no"),
    ],
)
def test_an_api_that_refuses_is_told(call, status, told):
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with answering(status, b'{"detail": "no"}') as url, temporary_settings({PREFECT_API_URL: url}):
        answer = call("deploy", "tiny")
    assert answer.code == 1
    assert f"error: Prefect's API at {url} {told}" in answer.err
    assert "hint: " in answer.err
