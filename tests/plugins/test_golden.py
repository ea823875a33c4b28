import numpy as np
import pytest

from edgesmith import InputContract, OnnxModel, TorchModel, UserError, carry, read_golden, write_golden
from edgesmith.artifacts import GOLDEN_FILE

PIXELS = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
LOGITS = np.array([[0.5, -1.0], [2.0, 1e-7]], dtype=np.float32)


def test_the_pair_comes_back_as_it_was(tmp_path):
    write_golden(tmp_path, PIXELS, LOGITS)
    pixels, logits = read_golden(tmp_path)
    assert (pixels.dtype, logits.dtype) == (np.uint8, np.float32)
    assert np.array_equal(pixels, PIXELS)
    assert np.array_equal(logits, LOGITS)


def test_equal_pairs_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_golden(tmp_path / name, PIXELS, LOGITS.astype(np.float64))
    assert (tmp_path / "a" / GOLDEN_FILE).read_bytes() == (tmp_path / "b" / GOLDEN_FILE).read_bytes()


def test_a_view_is_written_as_its_values(tmp_path):
    write_golden(tmp_path, PIXELS[:, ::-1], LOGITS)
    assert np.array_equal(read_golden(tmp_path)[0], PIXELS[:, ::-1])


@pytest.mark.parametrize("content", [None, b"", b"\xff" * 64, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_missing_or_broken_pair_is_a_users_error(tmp_path, content):
    if content is not None:
        (tmp_path / GOLDEN_FILE).write_bytes(content)
    with pytest.raises(UserError, match="golden pair"):
        read_golden(tmp_path)


def test_a_derived_model_carries_its_sources_pair_and_may_change_the_contract(tmp_path):
    source, derived = tmp_path / "source", tmp_path / "derived"
    source.mkdir(), derived.mkdir()
    InputContract(size=(4, 4)).write(source / "contract.json")
    write_golden(source, PIXELS, LOGITS)
    changed = InputContract(size=(4, 4), layout="NHWC")
    carry(TorchModel(source), derived, changed)
    assert OnnxModel(derived).contract == changed
    assert np.array_equal(OnnxModel(derived).golden()[1], LOGITS)
