"""The same figures for other programs: CSV and JUnit."""

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import hypothesis.strategies as st
from hypothesis import given

from edgesmith_flows.report.facts import Facts, Gate, Row
from edgesmith_flows.report.junit import as_junit
from edgesmith_flows.report.tables import as_csv, as_json

EMPTY = Facts("r", "p", "", 0.0, 0.0, {}, [], [], {}, [], [])


def test_csv_has_a_line_a_model_and_a_column_a_figure(facts):
    rows = list(csv.DictReader(io.StringIO(as_csv(facts))))
    assert [row["node"] for row in rows] == ["big", "small", "tiny", "odd"]
    assert (rows[2]["bytes"], rows[2]["median_ms"], rows[2]["runtime"]) == ("3", "0.7", "desk")
    assert (rows[3]["status"], rows[3]["top1"]) == ("not run: no board is connected", "")


def test_json_has_null_for_what_is_no_number():
    found = replace(EMPTY, rows=[Row("a", "x", 1, "ok", {"loss": float("nan"), "all": [float("inf"), 1.0]})])
    assert json.loads(as_json(found))["rows"][0]["figures"] == {"loss": None, "all": [None, 1.0]}


def test_csv_has_an_empty_cell_for_it():
    found = replace(EMPTY, rows=[Row("a", "x", 1, "ok", {"loss": float("nan"), "most": float("inf"), "top1": 0.5})])
    assert as_csv(found).splitlines() == ["node,format,status,bytes,loss,most,top1", "a,x,ok,1,,,0.5"]


def test_csv_gives_a_spreadsheet_no_formula():
    text = as_csv(replace(EMPTY, rows=[Row("=1+1", "x", 1, "@now", {"delta": -1.5})]))
    assert text.splitlines()[1] == "'=1+1,x,'@now,1,-1.5"


def test_junit_has_gates_and_nodes(recorded):
    found = recorded(
        gates=['bench.top1["big"] > 0', 'bench.top1["big"] > 1'], extra="  bad: {uses: mischief, with: {how: failure}}"
    )
    gates, nodes = ElementTree.fromstring(as_junit(found))
    assert (gates.get("tests"), gates.get("failures"), gates.get("errors")) == ("2", "1", "0")
    assert (nodes.get("tests"), nodes.get("failures"), nodes.get("errors")) == ("7", "0", "1")
    missed = next(case for case in gates if case.find("failure") is not None)
    assert missed.get("name") == 'bench.top1["big"] > 1'
    assert "= 0.95" in missed.find("failure").get("message")
    broken = next(case for case in nodes if case.find("error") is not None)
    assert broken.get("name") == "bad" and "could not be written" in broken.find("error").text


def test_junit_skips_gates_that_were_not_evaluated(facts):
    root = ElementTree.fromstring(as_junit(replace(facts, left_out=["other.top1 >= 0.9"])))
    gates = root.find("testsuite[@name='gates']")
    assert (gates.get("tests"), gates.get("skipped")) == ("3", "1")
    assert gates.find("testcase[@name='other.top1 >= 0.9']/skipped").get("message") == "not evaluated (--only)"


@given(st.text(st.sampled_from("a<&\"'\0\x0b\ud800\ufffe\U0001f600\n]")))
def test_junit_is_xml_whatever_the_texts_are(text):
    found = replace(EMPTY, pipeline=text, gates=[Gate(text, False, text), Gate(text, True, text)])
    root = ElementTree.fromstring(as_junit(found).encode("utf-8", "surrogatepass"))
    assert len(root[0]) == 2
