"""The Core ML reference runtime, on packages built by hand and on exported ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesmith import CoreMLModel, InputContract, UserError, write_golden
from edgesmith.artifacts import CONTRACT_FILE
from edgesmith.testing import Outcome, RuntimeContract, run_stage
from edgesmith_stages.mil.call import TensorType
from edgesmith_stages.mil.valuetypes import DictionaryType
from edgesmith_stages.runtimes.coreml import CoreML
from edgesmith_stages.runtimes.coreml_reference import CoreMLReference, in_order

from ..mil.packages import model, operation, write

IMAGE = TensorType("fp32", (1, 3, 4, 4))
WEIGHT = np.array([[1, 2, 0], [-1, 0, 3]], np.float32)
AXES = np.array([2, 3], np.int32)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Loading pins torch's threads for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def write_model(folder: Path, *, labels: tuple[str, ...] = (), scale: float = 1 / 255) -> CoreMLModel:
    """Channel means of an image times a matrix: logits, or with labels a classifier's probabilities."""
    folder.mkdir(parents=True, exist_ok=True)
    pooled, row = TensorType("fp32", (1, 3)), TensorType("fp32", (1, 2))
    last: list[Any] = []
    kinds: Mapping[str, str] = {}
    outputs = ["logits"]
    if labels:
        outputs, kinds = ["label", "probs"], {"label": "label", "probs": "probabilities"}
        types = {"label": TensorType("string"), "probs": DictionaryType(TensorType("string"), TensorType("fp64"))}
        last = [
            operation("softmax", {"soft": row}, x="%logits", axis=1),
            operation("classify", types, probabilities="%soft", classes=list(labels)),
        ]
    spec = model(
        {"image": IMAGE},
        outputs,
        operation("mul", {"scaled": IMAGE}, x="%image", y=scale),
        operation("reduce_mean", {"pooled": pooled}, x="%scaled", axes=AXES, keep_dims=False),
        operation("linear", {"logits": row}, x="%pooled", weight=WEIGHT),
        *last,
        kinds=kinds,
    )
    described = spec.description.input[0].type
    described.ClearField("multiArrayType")
    described.imageType.height = described.imageType.width = 4
    described.imageType.colorSpace = 20
    write(folder, spec)
    contract = InputContract(
        size=(4, 4),
        classes=("a", "b"),
        layout="NHWC",
        dtype="uint8",
        normalised_by="model",
        output="probabilities" if labels else "logits",
        batch=1,
    )
    contract.write(folder / CONTRACT_FILE)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    write_golden(folder, pixels, (pixels / 255).astype(np.float32).mean((1, 2)) @ WEIGHT.T)
    return CoreMLModel(folder)


def predicted(model: CoreMLModel) -> Any:
    """The golden pixels' answers, all in one batch."""
    runtime = CoreMLReference()
    runtime.load(model, threads=1)
    return runtime.predict(model.contract.feed(model.golden()[0]))


@pytest.mark.slow
class TestCoreMLReference(RuntimeContract):
    """The contract of runtimes, on the package by hand."""

    runtime = CoreMLReference
    tolerance = 1e-5

    def model(self, folder: Path) -> CoreMLModel:
        """The package by hand."""
        return write_model(folder)


@pytest.mark.slow
class TestExported(RuntimeContract):
    """The contract of runtimes, on what `export-coreml` makes: an image goes in, normalised in the graph."""

    runtime = CoreMLReference
    tolerance = 1e-4

    @pytest.fixture(autouse=True)
    def _maker(self, make_torch_model: Any) -> None:
        self.make = make_torch_model

    def model(self, folder: Path) -> CoreMLModel:
        """A small residual network."""
        from edgesmith_stages.export_coreml import ExportCoreML

        source = self.make(folder / "source", "test_resnet")
        made = run_stage(ExportCoreML, folder / "out", {"model": source}, {"precision": "fp32", "labels": False})
        found = made.outputs["model"]
        assert isinstance(found, CoreMLModel)
        return found


@pytest.mark.slow
def test_a_trained_classifier_reads_digits(coreml_model: Outcome) -> None:
    """Probabilities of the ten digits, in the contract's order: as sure of the golden images as torch is."""
    package = coreml_model.outputs["model"]
    assert isinstance(package, CoreMLModel)
    found = predicted(package)
    assert found.shape == (len(package.golden()[0]), 10)
    np.testing.assert_allclose(found.sum(1), 1, atol=2e-3)
    assert found.argmax(1).tolist() == package.golden()[1].argmax(1).tolist()


def test_a_batch_goes_through_image_by_image(tmp_path: Path) -> None:
    """Where the package takes one at a time."""
    package = write_model(tmp_path)
    np.testing.assert_allclose(predicted(package), package.golden()[1], atol=1e-5)


def test_probabilities_are_in_the_contracts_order(tmp_path: Path) -> None:
    """Whatever the order of the package's labels."""
    package = write_model(tmp_path, labels=("b", "a"))
    logits = package.golden()[1]
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(predicted(package), soft[:, ::-1], atol=1e-6)


def test_labels() -> None:
    """As names or numbers; others than the contract's are an error."""
    assert in_order({1: 0.25, 0: 0.75}, ("0", "1")).tolist() == [[0.75, 0.25]]
    assert in_order({"b": 0.25, "a": 0.75}, ()).tolist() == [[0.25, 0.75]]
    with pytest.raises(UserError, match="2 labels are not the 2 classes of its input contract: b, c in one of them"):
        in_order({"a": 1, "b": 0}, ("a", "c"))


def test_lost_numbers_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the operation's name."""
    package = write_model(tmp_path, scale=3e38)
    runtime = CoreMLReference()
    runtime.load(package, threads=1)
    for _ in range(2):
        runtime.predict(package.contract.feed(package.golden()[0]))
    assert [record.getMessage() for record in caplog.records] == ["mul 'scaled': overflow to inf in 48 of 48 elements"]


def test_a_package_with_several_inputs_is_refused(tmp_path: Path) -> None:
    """They are named."""
    spec = model({"x": IMAGE, "z": IMAGE}, ["y"], operation("add", {"y": IMAGE}, x="%x", y="%z"))
    write(tmp_path, spec)
    InputContract(size=(4, 4)).write(tmp_path / CONTRACT_FILE)
    with pytest.raises(UserError, match="takes the inputs x, z, expected one"):
        CoreMLReference().load(CoreMLModel(tmp_path), threads=1)


@pytest.mark.slow
class TestCoreML(RuntimeContract):
    """Core ML itself on the same package, to compare the two where there is a Mac."""

    runtime = CoreML
    tolerance = 1e-2

    def model(self, folder: Path) -> CoreMLModel:
        """The package by hand."""
        return write_model(folder)


def test_core_ml_goes_first_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac the runtime is Core ML, elsewhere the reference."""
    from edgesmith_flows.registry import load_registry

    registry = load_registry()
    monkeypatch.setattr("edgesmith_stages.runtimes.coreml.sys.platform", "linux")
    assert registry.runtime_for(CoreMLModel) == (CoreMLReference, "")
    monkeypatch.setattr("edgesmith_stages.runtimes.coreml.sys.platform", "darwin")
    assert registry.runtime_for(CoreMLModel) == (CoreML, "")
