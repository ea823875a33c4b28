"""`edgesmith report`."""

import json
from xml.etree import ElementTree

import pytest

from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record

TEXT = """\
name: tiny
stages:
  m: {uses: build}
  n: {uses: build, with: {factor: 1.25}}
  t: {uses: tally, needs: {models: [m, n]}}
gates:
  - t.top1["m"] >= 1
"""


@pytest.fixture(scope="module")
def store(shared_engine):
    run = shared_engine.run(TEXT)
    plan = run.executor.plan
    summary = summarise(plan, run.executor.results, shared_engine.store)
    write_run_record(shared_engine.store, plan, summary, 1_700_000_000.0)
    return str(shared_engine.store.root)


def test_the_newest_run_gets_a_page_beside_the_user(call, store, project):
    answer = call("report", "--store", store)
    assert answer.code == 0, answer.err
    page = project / "tiny-report.html"
    assert answer.out == f"tiny-report.html: {page.stat().st_size:,} bytes\n"
    assert page.read_text().startswith("<!doctype html>")


def test_a_run_of_a_pipeline_gets_the_files_that_were_asked_for(call, store, project):
    answer = call("report", "tiny", "--store", store, "--json", "r.json", "--csv", "r.csv", "--junit", "r.xml")
    assert answer.code == 0, answer.err
    assert json.loads((project / "r.json").read_text())["pipeline"] == "tiny"
    assert (project / "r.csv").read_text().splitlines()[0] == "node,format,status,bytes,top1"
    assert ElementTree.parse(project / "r.xml").getroot().tag == "testsuites"
    assert not list(project.glob("*.html"))


def test_a_file_may_be_standard_output(call, store):
    assert json.loads(call("report", "--store", store, "--json", "-").out)["schema"] == 1


def test_standard_output_has_that_file_alone(call, store):
    answer = call("report", "--store", store, "--out", "page.html", "--json", "-", "--csv", "r.csv")
    assert json.loads(answer.out)["schema"] == 1
    assert [line.split(":")[0] for line in answer.err.splitlines()] == ["page.html", "r.csv"]


def test_standard_output_takes_one_file(call, store):
    answer = call("report", "--store", store, "--json", "-", "--csv", "-")
    assert (answer.code, answer.out) == (1, "")
    assert "only one of --out, --json, --csv and --junit can be `-`" in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tinny",), "unknown run 'tinny'; did you mean 'tiny'?"),
        (("--out", "no/such/folder.html"), "no/such/folder.html can't be written: No such file or directory"),
        (("--diff", "gone.json"), "gone.json is no comparison"),
    ],
)
def test_a_mistake_is_one_message(call, store, arguments, message):
    answer = call("report", *arguments, "--store", store)
    assert answer.code == 1 and answer.out == ""
    assert answer.err.count("error: ") == 1 and message in answer.err
