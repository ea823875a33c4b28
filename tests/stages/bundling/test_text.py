"""Names of users as literals, identifiers and Markdown."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edgesmith_stages.bundling.text import identifier, kotlin, markdown, one_line, swift


@given(st.text(st.characters(codec="utf-8")))
def test_a_kotlin_literal_reads_back(text):
    """Its escapes are JSON's, too, which a parser of another make reads."""
    assert json.loads(kotlin(text)) == text


@given(st.text(st.characters(codec="utf-8")))
def test_a_swift_literal_holds_no_quote_escape_or_line_break_of_the_text(text):
    inner = swift(text)[1:-1]
    assert '"' not in inner and len(swift(text).splitlines()) == 1
    assert inner.count("\\") == inner.count("\\u{")


def test_literals_keep_what_people_read():
    assert swift("Löwe 7, cat's") == kotlin("Löwe 7, cat's") == '"Löwe 7, cat\'s"'
    assert (swift('a"$\n'), kotlin('a"$\n')) == (r'"a\u{22}\u{24}\u{a}"', r'"a\u0022\u0024\u000a"')
    assert (swift("😀"), kotlin("😀")) == (r'"\u{1f600}"', r'"\ud83d\ude00"')


@pytest.mark.parametrize(
    ("name", "found"),
    [("mobilevit-xxs", "MobilevitXxs"), ("8bit net", "Model8bitNet"), ("モデル", "Model"), ("a/../b", "AB")],
)
def test_identifiers(name, found):
    assert identifier(name) == found


@given(st.text(st.characters(codec="utf-8")))
def test_an_identifier_is_one_in_any_language(name):
    found = identifier(name)
    assert found.isascii() and found.isidentifier() and "_" not in found


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("-+*#|`_<>[]()!&;1.)=~\\ "),
        min_size=1,
    )
)
@settings(max_examples=40)
def test_a_markdown_parser_reads_the_text_back(text):
    items = MarkdownIt().enable("table").enable("strikethrough").parse(f"2. {markdown(text)}\n")
    inline = [token for token in items if token.type == "inline"]
    assert [token.type for token in items if token.type.endswith("_open")] == [
        "ordered_list_open",
        "list_item_open",
    ] + ["paragraph_open"] * len(inline)
    assert "".join(child.content for token in inline for child in token.children) == " ".join(text.split())


def test_markdown_shows_a_text_as_it_is():
    assert markdown("a|b\n<img> `x`, 0.5 - 1.") == r"a\|b &lt;img&gt; \`x\`, 0.5 - 1."
    assert (markdown("- x"), markdown("12. x")) == (r"\- x", r"12\. x")
    assert one_line("a\u2028b\r\nc") == "a b c"
