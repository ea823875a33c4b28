"""Nights: what runs is held against the baseline, and the record of it can be promoted."""

import time

import pytest

from edgesmith import UserError
from edgesmith.errors import StageFailed
from edgesmith_flows.history import runs
from edgesmith_flows.nightly.document import parse_nightly
from edgesmith_flows.nightly.night import hold_night, newest_night, promote
from edgesmith_flows.nightly.told import lines, markdown
from edgesmith_flows.results import summarise
from edgesmith_flows.run import write_run_record
from edgesmith_flows.settings import Settings
from edgesmith_flows.tags import tags
from edgesmith_flows.yaml_source import load_yaml

PIPELINE = """\
name: tiny
plugins: [playground.plugin]
stages:
  model: {uses: build, with: {factor: FACTOR}}
  tally: {uses: tally, needs: {models: model}, with: {target: desk}}
  a: {uses: write, with: {text: TEXT}}
  b: {uses: shout, needs: a}
  c: {uses: gather, needs: {texts: [b]}}
gates:
  - c.total <= 8
"""


class Nights:
    """A project whose pipeline changes from night to night."""

    def __init__(self, engine, folder):
        self.engine, self.folder = engine, folder

    def hold(self, *, factor=2.0, text="hi", fails=False, beside=False, rules="{latency: {measured: false}}"):
        pipeline = PIPELINE.replace("FACTOR", str(factor)).replace("TEXT", text)
        (self.folder / "tiny.yaml").write_text(pipeline)
        judged = "figures: {total: {better: less}}"
        rules = rules.replace("{latency", "{" + judged + ", latency", 1)
        nightly = f"name: little\nnightly:\n  pipelines: [{self.folder / 'tiny.yaml'}]\n  rules: {rules}\n"
        (self.folder / "little.yaml").write_text(nightly)

        def record():
            begun = time.time()
            made = self.engine.run(pipeline)
            plan, results = made.executor.plan, made.executor.results
            return write_run_record(self.engine.store, plan, summarise(plan, results, self.engine.store), begun)

        def run_one(entry, wrote):
            if fails and beside:
                record()
            if fails:
                raise StageFailed("the machine is on fire")
            wrote(record().stem)
            if beside:
                record()

        settings = Settings(self.engine.store.root)
        return hold_night(parse_nightly(load_yaml(self.folder / "little.yaml")), settings, run_one)

    def promote(self, **options):
        return promote(self.engine.store, "little", **options)


@pytest.fixture
def nights(engine, project):
    return Nights(engine, project)


def outcomes(night, outcome="regressed"):
    return {verdict.what: verdict for verdict in night.pipelines[0].verdicts if verdict.outcome == outcome}


def test_a_night_without_a_baseline_judges_gates_only(nights):
    night = nights.hold()
    assert night.ok
    assert [verdict.kind for verdict in night.pipelines[0].verdicts] == ["gate"]
    assert "no baseline yet for tiny" in list(lines(night))[-1]


def test_nothing_changed_nothing_regressed(nights):
    nights.hold()
    nights.promote()
    night = nights.hold()
    assert night.ok
    assert night.pipelines[0].baseline
    assert set(outcomes(night, "same")) == {"c.total <= 8", "c.total", 'tally.top1["model"]'}


def test_a_regression_tells_what_where_and_since_which_run(nights):
    nights.hold()
    nights.promote()
    culprit = nights.hold(text="hiho")
    night = nights.hold(text="hiho")
    (verdict,) = outcomes(night).values()
    assert (verdict.what, verdict.before, verdict.after) == ("c.total", "3", "5")
    assert culprit.pipelines[0].run in verdict.since
    assert 'a: params.text: "hi" -> "hiho"' in verdict.since
    assert "REGRESSED" in "\n".join(lines(night))
    text = markdown(night)
    assert text.startswith("**little: 1 regression: tiny: c.total**")
    assert "| **regressed** |" in text


def test_a_gate_that_fails_is_a_regression_with_or_without_a_baseline(nights):
    night = nights.hold(text="far too long")
    assert set(outcomes(night)) == {"c.total <= 8"}


def test_a_pipeline_that_cannot_run_is_one_too_and_the_record_says_so(nights):
    night = nights.hold(fails=True)
    (verdict,) = outcomes(night).values()
    assert "on fire" in verdict.detail
    with pytest.raises(UserError, match=r"1 regressions? stand"):
        nights.promote()
    with pytest.raises(UserError, match="no run of tiny"):
        nights.promote(anyway=True)


def test_a_run_of_somebody_else_is_not_this_night_s(nights, engine):
    """Neither does it stand for one that failed, nor is it judged where it is newer."""
    night = nights.hold(fails=True, beside=True)
    assert not night.ok
    assert night.pipelines[0].run == ""
    night = nights.hold(beside=True)
    assert night.pipelines[0].run != max(run.name for run in runs(engine.store, "tiny"))


def test_a_baseline_whose_record_is_gone_is_told_before_anything_runs(nights, engine):
    nights.hold()
    (tag,) = nights.promote()
    (engine.store.root / "runs" / f"{tag.run}.json").unlink()
    (engine.store.root / "figures.sqlite").unlink()
    with pytest.raises(UserError, match=r"doesn't know\n.*edgesmith baseline set tiny --name nightly.tiny"):
        nights.hold(fails=True)


def test_promoting_moves_the_tags_and_refuses_a_bad_night_unless_told(nights, engine):
    nights.hold()
    first = nights.promote()
    assert [tag.name for tag in first] == ["nightly.tiny"]
    worse = nights.hold(text="hiho")
    with pytest.raises(UserError, match="--anyway"):
        nights.promote()
    nights.promote(anyway=True)
    assert [tag.run for tag in tags(engine.store)] == [worse.pipelines[0].run]
    assert nights.hold(text="hiho").ok


def test_a_night_that_never_was_is_told(engine):
    with pytest.raises(UserError, match=r"knows no night of 'other'\n.*edgesmith nightly other"):
        newest_night(engine.store, "other")


def test_a_name_that_is_nearly_right_is_told(nights, engine):
    nights.hold()
    with pytest.raises(UserError, match="did you mean 'little'"):
        promote(engine.store, "litle")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"ok": true, "tag": "t", "pipelines": [3]}'])
def test_a_damaged_record_is_told_rather_than_an_older_night_promoted(nights, engine, content):
    nights.hold()
    nights.hold()
    newest = max((engine.store.root / "nights").iterdir())
    newest.write_text(content)
    with pytest.raises(UserError, match=f"{newest.name} can't be read"):
        promote(engine.store, "little")


def test_the_same_file_needs_no_measuring(nights):
    rules = "{latency: {at_least: 0.05}}"
    nights.hold(rules=rules)
    nights.promote()
    assert outcomes(nights.hold(rules=rules), "same")['tally.latency["model"]'].detail == "the same file"


@pytest.mark.slow
def test_another_file_is_measured_beside_the_baseline_s(nights):
    rules = "{latency: {at_least: 0.5, certainty: 0.9}}"
    nights.hold(rules=rules)
    nights.promote()
    night = nights.hold(rules=rules, factor=3.0)
    verdicts = {verdict.what: verdict for verdict in night.pipelines[0].verdicts}
    assert verdicts['tally.latency["model"]'].outcome == "same", verdicts
    assert "pairs" in verdicts['tally.latency["model"]'].detail
    assert verdicts['tally.memory["model"]'].outcome == "same"
