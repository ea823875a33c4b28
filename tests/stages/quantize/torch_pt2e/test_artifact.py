"""The kind of quantised torch models, and who takes it."""

from __future__ import annotations

from typing import Any

import pytest

from edgesmith import OnnxModel, TorchModel, UserError
from edgesmith.ports import output_kind
from edgesmith_flows.registry import load_registry
from edgesmith_stages.distill import Distill
from edgesmith_stages.export_coreml import ExportCoreML
from edgesmith_stages.export_onnx import ExportOnnx
from edgesmith_stages.export_tflite import ExportTflite
from edgesmith_stages.fuse import Fuse
from edgesmith_stages.prune import Prune
from edgesmith_stages.qat import Qat
from edgesmith_stages.quantize.stage import Quantize
from edgesmith_stages.quantize.torch_pt2e.artifact import QuantizedTorchModel

QUANTIZED: dict[str, Any] = {"model": (QuantizedTorchModel,), "teacher": (QuantizedTorchModel,)}


@pytest.mark.parametrize("stage", [Fuse, Prune, Distill, ExportCoreML, Qat, Quantize])
def test_what_needs_a_float_model_refuses_a_quantised_one_before_the_run(stage: Any) -> None:
    params = stage.Params.model_construct(data=None, scheme="int8")
    with pytest.raises(UserError, match=rf"`{stage.name}` takes a float model, and this one is quantised"):
        stage.check(params, QUANTIZED, {})


def test_quantising_turns_torch_models_into_another_kind_and_no_others() -> None:
    port = Quantize.outputs["model"]
    assert output_kind(port, {"model": (TorchModel,)}) is QuantizedTorchModel
    assert output_kind(port, {"model": (OnnxModel,)}) is OnnxModel


def test_a_runtime_of_its_own_runs_it() -> None:
    registry = load_registry()
    assert registry.kinds["torch-int8"] is QuantizedTorchModel
    assert registry.runtime_for(QuantizedTorchModel)[0] is registry.runtimes["torch-int8"]
    assert registry.runtime_for(TorchModel)[0] is registry.runtimes["torch"]


def test_only_quantised_models_need_torchao() -> None:
    def needs(stage: Any, kind: Any) -> bool:
        return any("torchao" in one for one in stage.toolchain(stage.Params(), {"model": (kind,)}).requirements)

    assert needs(ExportOnnx, QuantizedTorchModel)
    assert not needs(ExportOnnx, TorchModel)


@pytest.mark.parametrize("backend", ["tensorflow", "auto"])
def test_only_litert_torch_takes_one(backend: str) -> None:
    with pytest.raises(UserError, match="takes no quantised torch model"):
        ExportTflite.check(ExportTflite.Params(backend=backend), QUANTIZED, {})


def test_the_backend_is_for_torch_models() -> None:
    params = Quantize.Params(scheme="int8", backend="torchao")
    with pytest.raises(UserError, match="`backend` is for torch models, and this is a onnx model"):
        Quantize.check(params, {"model": (OnnxModel,)}, {})
