"""The kind `teacher-logits`."""

import numpy as np
import pytest

from edgesmith import InputContract, UserError
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith_flows.registry import load_registry
from edgesmith_stages.distillation.artifact import LOGITS_FILE, Answers, TeacherLogits, plain

ANSWERS = Answers(np.eye(3, dtype=np.float32), np.arange(48, dtype=np.uint8).reshape(3, 16), np.arange(3))


def test_the_plugin_brings_it():
    assert load_registry().kinds["teacher-logits"] is TeacherLogits


def test_what_was_written_is_read(tmp_path, contract):
    ANSWERS.write(tmp_path)
    plain(contract).write(tmp_path / CONTRACT_FILE)
    made = TeacherLogits(tmp_path)
    for name in ("logits", "images", "labels"):
        assert np.array_equal(getattr(made.read(), name), getattr(ANSWERS, name))
    assert made.contract == contract


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_a_damaged_one_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / LOGITS_FILE).write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        TeacherLogits(tmp_path).read()


def test_one_with_other_tensors_is_refused(tmp_path):
    from safetensors.numpy import save

    (tmp_path / LOGITS_FILE).write_bytes(save({"logits": ANSWERS.logits}))
    with pytest.raises(UserError, match="images"):
        TeacherLogits(tmp_path).read()


def test_of_a_files_contract_what_a_network_sees_is_kept():
    file = InputContract(
        size=(24, 32), crop_fraction=0.9, layout="NHWC", dtype="uint8", normalised_by="model", output="probabilities",
        batch=1, classes=("a",), std=(0.5, 0.5, 0.5),
    )  # fmt: skip
    assert plain(file) == InputContract(size=(24, 32), crop_fraction=0.9, classes=("a",), std=(0.5, 0.5, 0.5))
