from edgesmith_flows.graph import as_mermaid, as_text

TEXT = """\
name: tiny
description: two words
stages:
  first: {uses: write}
  b: {uses: shout, needs: first}
  c: {uses: gather, needs: {texts: [first, b], title: first}}
gates:
  - c.total > 3
"""


def test_as_text_it_is_one_line_a_node(engine):
    assert as_text(engine.resolve(TEXT)).splitlines() == [
        "tiny: two words",
        "  first  write -> text",
        "  b      shout -> text  (needs first)",
        "  c      gather -> report  (needs first, b, first)",
        "  gate: c.total > 3",
    ]


def test_as_mermaid_every_node_and_every_connection_is_there_once(engine):
    assert as_mermaid(engine.resolve(TEXT)).splitlines() == [
        "flowchart TD",
        '  n0["first<br/><small>write</small>"]',
        '  n1["b<br/><small>shout</small>"]',
        '  n2["c<br/><small>gather</small>"]',
        "  n0 --> n1",
        "  n0 --> n2",
        "  n1 --> n2",
    ]
