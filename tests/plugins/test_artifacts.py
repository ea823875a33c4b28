import json

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


def test_a_torch_model_gives_its_module_with_its_weights(torch_model):
    import torch

    module = torch_model.module()
    assert not module.training
    torch.testing.assert_close(module(torch.ones(1, 3)), torch.tensor([[3.0, 3.0]]))


def test_a_torch_model_with_damaged_weights_is_a_users_error(torch_model):
    torch_model.file.write_bytes(b"x")
    with pytest.raises(UserError, match="cannot be read"):
        torch_model.module()


def test_a_kind_with_a_recipe_of_its_own_names_its_own_loader(tmp_path):
    class Named(TorchModel):
        loader = "pathlib:PurePosixPath"

    assert Named(tmp_path).module() == tmp_path


def test_what_a_module_needs_is_what_the_torch_runtime_needs():
    from edgesmith_stages.runtimes.torch_runtime import TorchRuntime

    assert TorchRuntime.requirements == TorchModel.requirements


@pytest.fixture
def torch_model(tmp_path):
    """A linear layer whose outputs are its inputs' sum."""
    import torch
    from safetensors.torch import save_file

    source = {"op": "factory", "target": "torch.nn:Linear", "args": {"in_features": 3, "out_features": 2}}
    (tmp_path / "recipe.json").write_text(json.dumps({"source": source}))
    save_file({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}, tmp_path / TorchModel.main)
    return TorchModel(tmp_path)


def test_a_report_is_its_document(tmp_path):
    (tmp_path / "report.json").write_text('{"top1": 0.5}')
    assert Report(tmp_path).read() == {"top1": 0.5}


@pytest.mark.parametrize("text", ["", "[1, 2", "\x00"])
def test_a_broken_report_is_a_users_error(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        Report(tmp_path).read()
