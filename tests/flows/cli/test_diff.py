"""`edgesmith diff`."""

import json

import pytest

from edgesmith.testing import run_stage


@pytest.fixture
def signs(project, registry):
    """Two models in folders: one makes means twice as large, one 2.2 times."""
    for name, factor in (("a", 2.0), ("b", 2.2)):
        run_stage(registry.stages["build"], project / name, params={"factor": factor})
    return "a/model", "b/model"


def test_it_prints_layers_and_where_they_part(call, signs):
    answer = call("diff", *signs)
    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "A is the sign artifact in a/model",
        "B is the sign artifact in b/model",
        "A: a/model  B: b/model  op     shape    SQNR dB",
        "input       input       input  1x3x4x4  200.0",
        "value       value       mean   1x1      200.0",
        "value#2     value#2     mul    1x1      20.0     <",
        "3 layers matched, of 3 in A (sign-runner) and 3 in B (sign-runner), on 2 images",
        "output: 20.0 dB, agreement 1.0000",
        "parts at value#2 | value#2 (op mul): 200.0 -> 20.0 dB",
        "note: their golden outputs are not the same: one was trained further",
    ]


def test_a_lower_bar_is_kept(call, signs):
    assert "no layer is under 15 dB" in call("diff", *signs, "--bar", "15", "--images", "1").out


def test_it_prints_json(call, signs):
    found = json.loads(call("diff", *signs, "--json").out)
    assert found["a"]["model"] == "a/model" and found["a"]["is"] == "the sign artifact in a/model"
    assert found["matched"] == 3
    assert found["parts_at"]["a"] == {"name": "value#2", "op": "Mul", "shape": [1, 1]}
    assert found["output"]["sqnr_db"] == pytest.approx(20)


def test_what_is_not_there_is_told(call, signs):
    answer = call("diff", signs[0], "feedbeef")
    assert answer.code == 1
    assert "no artifact starts with 'feedbeef'" in answer.err
    assert "hint: give a digest" in answer.err
