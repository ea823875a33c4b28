"""What is gathered of a run."""

import json

import pytest

from edgesmith import UserError
from edgesmith_flows.report.facts import find_run, gather
from edgesmith_flows.report.tables import as_json


def test_models_have_what_was_measured_of_them(facts):
    assert [(row.node, row.format, row.status) for row in facts.rows] == [
        ("big", "sign", "ok"),
        ("small", "sign", "ok"),
        ("tiny", "sign", "ok"),
        ("odd", "sign", "not run: no board is connected"),
    ]
    assert facts.rows[2].figures["median_ms"] == 0.7
    assert facts.rows[0].bytes == len("123456.5")


def test_nodes_have_their_params_needs_and_keys(facts, shared_engine):
    bench = facts.nodes["bench"]
    assert bench.upstream == ["big", "small", "tiny", "odd"]
    assert facts.nodes["tiny"].given == {"factor": 1.5}
    assert bench.document["stage"] == "assay"
    assert shared_engine.store.recorded(bench.key).outputs == bench.outputs


def test_sections_come_from_figures_and_from_reports(facts):
    shapes = {one.section.shape for one in facts.contributions}
    assert shapes == {"curves", "samples", "matrix", "table", "points", "layers", "pictures"}
    assert "sections" not in facts.nodes["show"].figures


def test_a_cached_node_has_the_time_that_it_once_took(recorded):
    again = recorded()
    assert {node.state for node in again.nodes.values()} == {"cached"}
    assert all(node.seconds > 0 for node in again.nodes.values())


def test_a_failed_node_has_its_message(recorded):
    found = recorded(extra="  bad: {uses: mischief, with: {how: failure}}")
    assert not found.ok
    assert [(node.name, node.error) for node in found.failed_nodes] == [("bad", "the text could not be written")]


def test_a_result_that_is_gone_is_noted_and_the_rest_is_shown(facts, shared_engine):
    store = shared_engine.store
    record = json.loads((store.root / "runs" / f"{facts.run}.json").read_text())
    record["nodes"]["show"]["key"] = "0" * 64
    record["nodes"]["bench"]["outputs"]["report"] = "0" * 64
    (store.root / "runs" / "20200101T000000.000000-tiny.json").write_text(json.dumps(record))
    found = gather(store, "20200101T000000.000000-tiny")
    assert found.notes == ["bench.report is no longer in the store", "show: its result is no longer in the store"]
    assert len(found.rows) == 4


def test_the_record_of_an_earlier_edgesmith_is_read_as_far_as_it_goes(facts, shared_engine):
    store = shared_engine.store
    record = json.loads((store.root / "runs" / f"{facts.run}.json").read_text())
    old = {key: record[key] for key in ("pipeline", "begun", "seconds", "gates")}
    old["nodes"] = {
        name: {key: node[key] for key in ("state", "key", "outputs", "seconds")}
        for name, node in record["nodes"].items()
    }
    (store.root / "runs" / "20200101T000001.000000-tiny.json").write_text(json.dumps(old))
    found = gather(store, "20200101T000001.000000-tiny")
    assert found.nodes["bench"].stage == "assay" and found.rows == []
    assert "an earlier edgesmith made this run" in found.notes[0]


def test_a_record_leads_to_no_place_outside_the_store(facts, shared_engine):
    store = shared_engine.store
    record = json.loads((store.root / "runs" / f"{facts.run}.json").read_text())
    record["nodes"]["show"] |= {"key": "../../secret", "outputs": {"report": "../../../etc"}}
    (store.root / "runs" / "20200101T000002.000000-tiny.json").write_text(json.dumps(record))
    found = gather(store, "20200101T000002.000000-tiny").nodes["show"]
    assert (found.key, found.outputs) == (None, {})


class TestFindRun:
    def test_a_pipeline_means_its_newest_run(self, facts, shared_engine):
        assert find_run(shared_engine.store, "tiny") == find_run(shared_engine.store, None) >= facts.run

    def test_even_where_a_baseline_has_its_name(self, recorded, shared_engine):
        from edgesmith_flows.tags import find_tag, newest_run, set_tag

        store, _ = shared_engine.store, recorded()
        set_tag(store, "tiny", newest_run(store, "tiny"))
        set_tag(store, "best", newest_run(store, "tiny"))
        newer = recorded().run
        assert find_run(store, "tiny") == newer != find_run(store, "best") == find_tag(store, "best").run

    def test_the_start_of_a_name_is_enough(self, facts, shared_engine):
        assert find_run(shared_engine.store, facts.run[:22]) == facts.run

    def test_another_name_is_refused_with_the_nearest(self, facts, shared_engine):
        with pytest.raises(UserError, match="unknown run 'tinny'; did you mean 'tiny'"):
            find_run(shared_engine.store, "tinny")

    def test_an_empty_store_says_what_to_do(self, engine):
        with pytest.raises(UserError, match="knows no run"):
            find_run(engine.store, None)

    def test_a_damaged_record_is_told(self, engine):
        (engine.store.root / "runs" / "x-y.json").write_text("{}")
        with pytest.raises(UserError, match=r"x-y\.json can't be read"):
            gather(engine.store, "x-y")


def test_the_document_is_json_and_the_same_every_time(facts, shared_engine):
    text = as_json(facts)
    document = json.loads(text)
    assert document["ok"] is True and document["rows"][2]["figures"]["top1"] == 0.94
    assert {section["node"] for section in document["sections"]} == {"show"}
    assert as_json(gather(shared_engine.store, facts.run)) == text
