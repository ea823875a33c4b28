import pytest


def test_every_stage_is_listed_with_what_it_does_and_who_brought_it(edgesmith):
    answer = edgesmith("stages")
    assert answer.code == 0, answer.err
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    assert lines["write"].endswith("Write a text.  [local module]")
    assert "[edgesmith " in lines["train"]
    assert {"train", "distill", "prune", "fuse", "quantize", "evaluate", "benchmark"} <= set(lines)
    assert {"export-onnx", "export-coreml", "export-tflite"} <= set(lines)


def test_one_stage_is_described_with_its_ports_and_params(call):
    lines = call("stages", "gather").out.splitlines()
    assert lines[0] == "gather (version 1)"
    assert "  texts: list of text" in lines
    assert "  title: text (optional)" in lines
    assert "  report: report" in lines


def test_a_params_type_range_and_default_are_told(call):
    out = call("stages", "write").out
    assert "text: string, default 'hello'" in out
    assert "copies: integer, default 1" in out
    assert "how: bug | user-error" in call("stages", "mischief").out


@pytest.mark.parametrize("name", ["train", "distill", "prune", "fuse", "quantize", "evaluate", "benchmark"])
def test_every_built_in_stage_can_be_described(call, name):
    answer = call("stages", name)
    assert answer.code == 0, answer.err
    assert "params:" in answer.out


def test_an_unknown_stage_is_told_with_the_nearest_one(call):
    answer = call("stages", "gahter")
    assert answer.code == 1
    assert "unknown stage 'gahter'; did you mean 'gather'?" in answer.err
