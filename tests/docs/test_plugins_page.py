"""docs/plugins.md, followed to the letter: its files are written, its commands run, in order."""

import pytest

from edgesmith_flows.plugin_rules import KNOWN_HOOKS

from .pages import DOCS, PAGES, PLACE, blocks, follow


def test_every_block_is_a_file_or_a_command():
    for language, text in blocks((DOCS / "plugins.md").read_text()):
        assert language == "sh" or PLACE.match(text), text


def test_the_python_blocks_compile():
    for page in PAGES:
        for language, text in blocks(page.read_text()):
            if language == "python":
                compile(text, str(page), "exec")


def test_every_hook_is_on_the_page():
    page = (DOCS / "plugins.md").read_text()
    assert all(f"| `{hook}` |" in page for hook in KNOWN_HOOKS)


@pytest.mark.slow(75)
def test_a_reader_gets_from_nothing_to_a_published_stage(author, tmp_path):
    try:
        told = follow((DOCS / "plugins.md").read_text(), author, tmp_path)
    finally:
        author("uv pip uninstall edgesmith-acme")
    assert "acme-stamp (version 1)" in told
    assert "stamped: 4 nodes (2 cached, 2 done)" in told
    assert "stamped: cached\n" in told, "the wheel is what was tested"
    assert "Write a greeting." in told
