"""Training's own checkpoint."""

import torch

from edgesmith_stages.training.checkpoint import FILE, read_checkpoint, write_checkpoint

STATE = {"identity": "a", "epochs": 3, "figures": {"top1": 0.5}, "module": {"weight": torch.arange(4.0)}, "ema": None}


def test_comes_back_whole(tmp_path):
    write_checkpoint(tmp_path, STATE)
    state = read_checkpoint(tmp_path, "a")
    assert (state["epochs"], state["figures"], state["ema"]) == (3, {"top1": 0.5}, None)
    torch.testing.assert_close(state["module"]["weight"], torch.arange(4.0))
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_what_cannot_be_used_is_passed_over(tmp_path):
    assert read_checkpoint(tmp_path, "a") is None
    write_checkpoint(tmp_path, STATE)
    assert read_checkpoint(tmp_path, "of another training") is None
    whole = (tmp_path / FILE).read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"\x80\x04not a checkpoint"):
        (tmp_path / FILE).write_bytes(damaged)
        assert read_checkpoint(tmp_path, "a") is None
