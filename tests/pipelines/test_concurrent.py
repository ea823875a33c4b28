"""Runs of one pipeline on one store at once: every node is made once, and all succeed."""

from collections import Counter

import pytest

from .commands import Place
from .serving import Service

PIPELINE = """
name: shared
plugins: [playground.plugin]
stages:
  a: {uses: write, matrix: {text: [one, two, three]}, with: {text: "${matrix.text}"}}
  b: {uses: shout, needs: a, matrix: {text: [one, two, three]}}
  c: {uses: gather, needs: {texts: [a, b]}}
"""


@pytest.fixture
def place(tmp_path):
    """A project in which every run starts a Prefect server of its own."""
    return Place(tmp_path)


@pytest.fixture
def service(tmp_path):
    """A project with one Prefect server for all its runs, as a team has it."""
    service = Service(tmp_path)
    service.serve()
    yield service
    service.stop()


@pytest.mark.slow(30)
@pytest.mark.parametrize(("number", "where"), [(2, "place"), (8, "service")])
def test_concurrent_runs_share_the_work(tmp_path, number, where, request):
    place = request.getfixturevalue(where)
    before = {process.pid for process in place.processes()}
    seconds = 2.0 if before else 15.0  # a server stays
    (tmp_path / "shared.yaml").write_text(PIPELINE)
    (tmp_path / "playground").symlink_to(request.config.rootpath / "tests" / "playground")
    started = [place.start("run", "shared.yaml", log=f"log{index}") for index in range(number)]
    codes = [process.wait(500) for process in started]
    told = "".join((tmp_path / f"log{index}").read_text() for index in range(number))
    assert codes == [0] * number, told
    states = Counter((node, entry["state"]) for run in place.records() for node, entry in run["nodes"].items())
    assert {node: count for (node, state), count in states.items() if state == "done"} == dict.fromkeys(
        {node for node, _ in states}, 1
    )
    assert place.run("cache", "verify").returncode == 0
    assert [process for process in place.quiet(seconds) if process.pid not in before] == []
