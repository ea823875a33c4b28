import textwrap

import pytest

from edgesmith_flows.document import parse_document
from edgesmith_flows.yaml_source import PipelineError, load_yaml


@pytest.fixture
def parse(tmp_path):
    def parse(text):
        file = tmp_path / "p.yaml"
        file.write_text(textwrap.dedent(text))
        return parse_document(load_yaml(file))

    return parse


@pytest.fixture
def problems(parse):
    def problems(text):
        with pytest.raises(PipelineError) as caught:
            parse(text)
        return [(p.line, p.path, p.message) for p in caught.value.problems]

    return problems


def node(text):
    return f"name: x\nstages:\n  a: {{uses: write, {text}}}\n"


def test_a_name_and_one_stage_are_enough(parse):
    document = parse("name: x\nstages: {a: {uses: write}}")
    assert document.stages["a"].uses == "write"
    assert document.params == {}
    assert document.gates == []


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b", "3"])
def test_a_file_that_is_no_mapping_is_refused(problems, text):
    assert problems(text) == [(1, "", "expected a mapping with `name` and `stages`")]


def test_missing_keys_are_named(problems):
    assert problems("description: x") == [
        (1, "name", "is required and missing"),
        (1, "stages", "is required and missing"),
    ]


def test_an_unknown_key_is_told_with_the_nearest_one(problems):
    ((line, path, message),) = problems("name: x\nstagse: {}\nstages: {a: {uses: write}}")
    assert (line, path) == (2, "stagse")
    assert message.startswith("unknown key; did you mean 'stages'? (known: description, gates, name,")


def test_an_unknown_key_of_a_node_is_told_with_the_nodes_keys(problems):
    ((line, path, message),) = problems(node("need: b"))
    assert (line, path) == (3, "stages.a.need")
    assert message.startswith("unknown key; did you mean 'needs'?")
    assert "with" in message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("with: 3", "stages.a.with"),
        ("needs: 3", "stages.a.needs"),
        ("needs: [3]", "stages.a.needs"),
        ("retries: -1", "stages.a.retries"),
        ("retries: many", "stages.a.retries"),
        ("matrix: [1, 2]", "stages.a.matrix"),
        ("timeout: -5", "stages.a.timeout"),
        ("timeout: soon", "stages.a.timeout"),
        ("timeout: .inf", "stages.a.timeout"),
        ("timeout: .nan", "stages.a.timeout"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_where_it_stands(problems, text, path):
    assert {found for _, found, _ in problems(node(text))} == {path}


def test_a_value_that_may_be_of_several_types_is_complained_of_once(problems):
    ((_, _, message),) = problems(node("needs: 3"))
    assert message == "expected a node, a list of nodes, or a mapping from input ports to them"


@pytest.mark.parametrize("text", ["{}", "", "[]"])
def test_a_pipeline_without_stages_is_refused(problems, text):
    assert [path for _, path, _ in problems(f"name: x\nstages: {text}")] == ["stages"]


@pytest.mark.parametrize("name", ["'a b'", "a.b", "-a", "''", "a@b"])
def test_names_are_letters_digits_dashes_and_underscores(problems, name):
    (found,) = problems(f"name: x\nstages: {{{name}: {{uses: write}}}}")
    assert "expected letters, digits, - and _" in found[2]


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("'2h'", 7200), ("0.5", 0.5)])
def test_a_timeout_is_seconds_or_a_duration(parse, text, seconds):
    assert parse(node(f"timeout: {text}")).stages["a"].timeout == seconds


def test_an_empty_axis_is_refused(problems):
    ((_, path, message),) = problems(node("matrix: {m: []}"))
    assert path == "stages.a.matrix"
    assert "the axis 'm' has no values" in message


def test_all_problems_are_reported_together(problems):
    found = problems("name: x\ncolour: red\nstages:\n  a: {usse: write}\n  b: {uses: write, retries: x}\n")
    assert [path for _, path, _ in found] == ["colour", "stages.a.uses", "stages.a.usse", "stages.b.retries"]
