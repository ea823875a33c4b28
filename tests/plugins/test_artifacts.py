import pytest

from edgesmith import CoreMLModel, InputContract, OnnxModel, Report, TorchModel, UserError
from edgesmith.artifacts import BUILTIN_KINDS, CONTRACT_FILE


def test_every_kind_has_a_name_of_its_own():
    assert len({kind.kind for kind in BUILTIN_KINDS}) == len(BUILTIN_KINDS)


def test_a_model_counts_the_bytes_of_its_file_alone(tmp_path):
    (tmp_path / OnnxModel.main).write_bytes(b"x" * 10)
    (tmp_path / CONTRACT_FILE).write_text("{}")
    assert OnnxModel(tmp_path).bytes() == 10


def test_a_package_counts_the_bytes_of_all_its_files(tmp_path):
    (tmp_path / CoreMLModel.main / "Data").mkdir(parents=True)
    (tmp_path / CoreMLModel.main / "Manifest.json").write_bytes(b"x" * 3)
    (tmp_path / CoreMLModel.main / "Data" / "weight.bin").write_bytes(b"x" * 4)
    assert CoreMLModel(tmp_path).bytes() == 7


def test_a_model_brings_its_contract(tmp_path):
    contract = InputContract(size=(32, 48), classes=("a", "b"))
    contract.write(tmp_path / CONTRACT_FILE)
    assert TorchModel(tmp_path).contract == contract


def test_a_model_without_a_contract_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="is not an input contract"):
        _ = TorchModel(tmp_path).contract


def test_a_report_is_its_document(tmp_path):
    (tmp_path / "report.json").write_text('{"top1": 0.5}')
    assert Report(tmp_path).read() == {"top1": 0.5}


@pytest.mark.parametrize("text", ["", "[1, 2", "\x00"])
def test_a_broken_report_is_a_users_error(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        Report(tmp_path).read()
