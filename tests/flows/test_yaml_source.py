import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_flows.yaml_source import PipelineError, Problem, dotted, load_yaml

SYNTAX = st.text("ab1 \n\t-:?,[]{}#&*!|>'\"%@`<=.~\\\0é\ufeff", max_size=60)
WORDS = st.lists(
    st.sampled_from([
        "a: ", "- ", "[", "]", "{", "}", "&a ", "*a", "<<: ", "!!int ", "!!set ", "!!binary ", "!!timestamp ", "? ",
        " ", "x", "1", "2001-99-99", ".inf", '"', "---", "...", "%YAML 9\n", "\n", "\n  ",
    ])
).map("".join)  # fmt: skip


@pytest.fixture
def load(tmp_path):
    def load(text):
        file = tmp_path / "p.yaml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_yaml(file)

    return load


def test_every_key_and_item_knows_its_line(load):
    source = load("""\
        name: x
        stages:
          a:
            needs: [b,
                    c]
            with: {deep: {deeper: 1}}
        """)
    assert source.data["stages"]["a"]["needs"] == ["b", "c"]
    assert source.line(("stages", "a")) == 3
    assert source.line(("stages", "a", "needs", 1)) == 5
    assert source.line(("stages", "a", "with", "deep", "deeper")) == 6


def test_what_the_file_lacks_stands_where_its_nearest_ancestor_does(load):
    source = load("name: x\nstages:\n  a: {}\n")
    assert source.line(("stages", "a", "uses")) == 3
    assert source.line(("gates", 0)) == 1
    assert source.problem(("stages", "a", "needs", 0), "?") == Problem("stages.a.needs[0]", 3, "?")


def test_a_key_path_is_written_as_people_do():
    assert dotted(("stages", "onnx", "needs", 0)) == "stages.onnx.needs[0]"
    assert dotted(()) == ""


def test_a_key_given_twice_is_refused_with_both_lines(load):
    with pytest.raises(PipelineError, match=r"p\.yaml:3: 'a' is given twice \(first on line 1\)"):
        load("a: 1\nb: 2\na: 3\n")


def test_all_keys_given_twice_are_reported_at_once(load):
    with pytest.raises(PipelineError) as caught:
        load("a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [problem.line for problem in caught.value.problems] == [2, 3]


def test_an_alias_repeats_its_anchor_and_keeps_its_lines(load):
    source = load("a: &a\n  x: 1\nb: *a\n")
    assert source.data["b"] == {"x": 1}
    assert source.line(("b", "x")) == 2


def test_a_merge_is_no_repetition(load):
    source = load("base: &base {x: 1, y: 2}\na:\n  <<: *base\n  y: 3\n")
    assert source.data["a"] == {"x": 1, "y": 3}
    assert source.line(("a", "y")) == 4


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: [1, *a]}", "&a [x, *a]"])
def test_an_alias_that_contains_itself_is_refused_at_once(load, text):
    with pytest.raises(PipelineError, match="an alias contains itself"):
        load(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 5000 + "x", "{a: " * 50_000, "? " * 5000])
def test_deep_nesting_is_refused_before_it_can_crash_the_parser(load, text):
    with pytest.raises(PipelineError, match="nested too deeply"):
        load(text)


def test_a_bomb_of_aliases_is_refused_in_little_time(load):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(PipelineError, match="too many values"):
        load("\n".join(lines))


@pytest.mark.parametrize(
    "value",
    ["2001-99-99", "!!int x", "!!float ''", "!!bool maybe", "!!timestamp x", "1" * 5000, "!!python/name:os.system"],
)
def test_a_value_that_cannot_be_read_is_told_with_its_line(load, value):
    with pytest.raises(PipelineError, match=r"p\.yaml:2: "):
        load(f"a: 1\nb: {value}\n")


def test_broken_yaml_is_told_with_its_line(load):
    with pytest.raises(PipelineError, match=r"p\.yaml:2: not YAML: "):
        load("a: 1\nb: c: 3\n")


def test_an_empty_file_holds_nothing(load):
    assert load("").data is None
    assert load("# only a comment\n").data is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_missing_or_undecodable_file_is_a_users_error(tmp_path, content):
    if content is not None:
        (tmp_path / "p.yaml").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load_yaml(tmp_path / "p.yaml")


def test_problems_are_counted_and_sorted_by_line():
    error = PipelineError("p.yaml", [Problem("b", 9, "late"), Problem("", 2, "early")])
    assert str(error) == "p.yaml: 2 problems, nothing was run\n  p.yaml:2: early\n  p.yaml:9: b: late"


@given(SYNTAX | WORDS)
@example("<<: 1")
@example("? [a]\n: 1")
@example("--- a\n--- b")
@example("\x85")
def test_no_text_raises_anything_but_a_users_error(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load_yaml(file)
    except UserError as error:
        assert str(error)
