"""Mistakes at `edgesmith deploy` and `edgesmith serve`; what they do on a real server is in tests/pipelines."""

import http.server
import threading

import pytest

PIPELINE = "name: tiny\nstages:\n  a: {uses: write}\n"


@pytest.fixture(autouse=True)
def _pipeline(project):
    (project / "pipelines").mkdir()
    (project / "pipelines" / "tiny.yaml").write_text(PIPELINE)


@pytest.fixture
def page():
    """The address of a web server that answers whatever is asked with a page, as Prefect's UI does."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html></html>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


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
