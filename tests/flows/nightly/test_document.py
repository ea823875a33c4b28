"""A nightly's file."""

import pytest

from edgesmith import UserError
from edgesmith_flows.document import parse_document
from edgesmith_flows.nightly.document import is_nightly, load_nightly, parse_nightly
from edgesmith_flows.yaml_source import load_yaml

TEXT = """
name: little
nightly:
  pipelines: [tiny, {name: other, set: {size: 3}}]
  rules:
    latency: {at_least: 0.1}
    figures: {top1: {better: more, within: 0.01}, ops: {better: ignored}, taste: {better: less}}
"""


@pytest.fixture
def source(tmp_path):
    def make(text):
        (tmp_path / "little.yaml").write_text(text)
        return load_yaml(tmp_path / "little.yaml")

    return make


def test_pipelines_are_names_or_names_with_params(source):
    part = parse_nightly(source(TEXT)).nightly
    assert [(one.name, one.set) for one in part.pipelines] == [("tiny", {}), ("other", {"size": 3})]
    assert part.baseline == "nightly"


def test_rules_go_over_the_built_in_ones(source):
    rules = parse_nightly(source(TEXT)).nightly.rules
    figures = rules.figure_rules()
    assert figures["top1"].within == 0.01
    assert figures["top1"].counted
    assert "ops" not in figures
    assert figures["taste"].better == "less"
    assert figures["bytes"].kind == "size"
    assert rules.latency_rule().at_least == 0.1


def test_latency_may_be_left_out(source):
    off = source("{name: n, nightly: {pipelines: [a], rules: {latency: {measured: false}}}}")
    assert parse_nightly(off).nightly.rules.latency_rule() is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: n\nnightly: {pipelines: [a], basline: x}", "2: nightly.basline: unknown key; did you mean 'baseline'?"),
        ("name: n\nnightly:\n  pipelines: []", "3: nightly.pipelines: "),
        ("name: n\nnightly: {pipelines: [a], rules: {latency: {at_leest: 1}}}", "did you mean 'at_least'?"),
        (
            "name: n\nnightly: {pipelines: [a], rules: {figures: {x: {better: up}}}}",
            "'more', 'less', 'same' or 'ignored'",
        ),
        ("name: two words\nnightly: {pipelines: [a]}", "expected letters, digits, - and _"),
        ("name: n\nstages: {}", "expected a nightly"),
    ],
)
def test_mistakes_are_told_with_line_path_and_nearest_name(source, text, told):
    with pytest.raises(UserError) as error:
        parse_nightly(source(text))
    assert told in str(error.value)


def test_a_nightly_run_as_a_pipeline_is_told_what_it_is(source):
    assert is_nightly(source(TEXT))
    with pytest.raises(UserError, match=r"little.yaml:3: nightly: this is a nightly.*`edgesmith nightly .*e.yaml`"):
        parse_document(source(TEXT))


def test_one_pipeline_twice_would_share_a_baseline(project):
    (project / "tiny.yaml").write_text("name: tiny\nstages: {}\n")
    entries = "    - {name: tiny.yaml, set: {a: 1}}\n    - {name: ./tiny.yaml, set: {a: 2}}\n"
    (project / "n.yaml").write_text(f"name: n\nnightly:\n  pipelines:\n{entries}")
    with pytest.raises(UserError, match=r"n.yaml:5: nightly.pipelines\[1\]: ./tiny.yaml is there twice"):
        load_nightly("n.yaml")
