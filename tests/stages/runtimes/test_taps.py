"""One network in several formats, layer by layer: what the runtimes show is matched, and a fault is found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import CoreMLModel, Model, OnnxModel, Runtime, Tap, TorchModel
from edgesmith.testing import run_stage
from edgesmith_flows.diff import Diff, Walk, compare
from edgesmith_flows.registry import load_registry
from edgesmith_stages.export_coreml import ExportCoreML
from edgesmith_stages.export_onnx import ExportOnnx
from edgesmith_stages.fuse import Fuse
from edgesmith_stages.runtimes.coreml_reference import CoreMLReference
from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime
from edgesmith_stages.runtimes.torch_runtime import TorchRuntime

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    """Loading pins torch's threads for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(make_torch_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Model]]:
    """A small MobileNet as it is trained, fused, and exported."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[str, Any] = {"torch": make_torch_model(folder / "torch")}
    made["fused"] = run_stage(Fuse, folder / "fused", {"model": made["torch"]}).outputs["model"]
    made["onnx"] = run_stage(ExportOnnx, folder / "onnx", {"model": made["fused"]}).outputs["model"]
    made["coreml"] = run_stage(ExportCoreML, folder / "coreml", {"model": made["fused"]}).outputs["model"]
    yield made
    shutil.rmtree(folder)


RUNTIMES: dict[type[Model], type[Runtime]] = {
    TorchModel: TorchRuntime,
    OnnxModel: OnnxRuntime,
    CoreMLModel: CoreMLReference,
}


def shown(model: Model) -> list[Tap]:
    """What a model's operations give for its first golden image; in this process, which has imported torch already."""
    runtime = RUNTIMES[type(model)]()
    runtime.load(model, threads=1)
    batch = model.contract.feed(model.golden()[0][:1])
    found = [Tap("input", "input", batch.astype(np.float32))]
    runtime.tap(batch, lambda one: found.append(Tap(one.name, one.op, one.value.copy())))
    return found


def walked(a: Model, b: Model) -> Diff:
    """Two models, layer by layer."""
    walk = Walk()
    walk.add(shown(a), shown(b))
    return Diff(walk.rows(), 1, 0, 1, ("a", "b"))


def lowest(found: Diff) -> float:
    """The SQNR of the layer that is least alike."""
    return min(row.sqnr_db or 0.0 for row in found.matched)


def test_fused_layers_are_told_by_what_they_give(models: dict[str, Model]) -> None:
    """A convolution with a BatchNorm in it is the BatchNorm."""
    found = walked(models["torch"], models["fused"])
    partners = {row.a.name: row.b.name for row in found.matched if row.a and row.b}
    assert partners["bn1"] == "conv_stem"
    assert partners["bn1.act"] == "bn1"
    assert len(found.matched) == found.counts()[1]
    assert lowest(found) > 100


def test_every_layer_is_found_in_onnx(models: dict[str, Model]) -> None:
    """And equal to float32's precision; each in a process of its own, as the command has it."""
    found = compare(models["fused"], models["onnx"], load_registry())
    assert len(found.matched) == found.counts()[0]
    assert lowest(found) > 100


def test_every_layer_is_found_in_core_ml(models: dict[str, Model]) -> None:
    """In half precision, from an image input."""
    assert isinstance(models["coreml"], CoreMLModel)
    found = walked(models["fused"], models["coreml"])
    assert len(found.matched) >= found.counts()[0] - 1
    assert 30 < lowest(found) < 80


def test_a_fault_is_found_where_it_is(models: dict[str, Model], tmp_path: Path) -> None:
    """One channel of one convolution in the middle has its weights negated."""
    import onnx
    from onnx import numpy_helper

    shutil.copytree(models["onnx"].path, tmp_path / "faulty")
    faulty = OnnxModel(tmp_path / "faulty")
    graph = onnx.load(faulty.file)
    node = [one for one in graph.graph.node if one.op_type == "Conv"][7]
    weight = next(one for one in graph.graph.initializer if one.name == node.input[1])
    values = np.array(numpy_helper.to_array(weight))
    values[0] *= -1
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    faulty.file.chmod(0o644)
    onnx.save(graph, faulty.file)

    for reference in ("fused", "onnx", "coreml"):
        found = walked(models[reference], faulty)
        place = found.parts_at(30)
        assert place is not None
        row = found.matched[place]
        assert row.b is not None
        assert row.b.name == node.output[0]
