"""Export to TFLite, in the environments that the stage asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesmith import StageFailed, TfliteModel, TorchModel, UserError
from edgesmith.testing import LocalContext, Outcome, folder_digest, run_stage
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.toolchains.requirements import unmet
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.export_tflite import ExportTflite
from edgesmith_stages.runtimes.litert import LiteRT

Maker = Callable[..., TorchModel]


class TestToolchains:
    """Which environments the backends run in."""

    def asked(self, **params: Any) -> tuple[Any, Any]:
        checked = ExportTflite.Params(**params)
        return ExportTflite.toolchain(checked, {}), ExportTflite.tools(checked, {})

    def test_litert_torch_has_one_of_its_own(self) -> None:
        """Resolved as of a date, since litert-torch leaves its requirements open."""
        toolchain, tools = self.asked()
        assert "litert-torch>=0.10,<0.11" in toolchain.requirements
        assert toolchain.exclude_newer
        assert tools == {}

    def test_onnx2tf_is_called_from_here(self) -> None:
        """It could not share one with torch.onnx' requirements."""
        toolchain, tools = self.asked(backend="tensorflow")
        assert unmet(toolchain) == []
        assert tools["onnx2tf"].requirements[0] == "onnx2tf==1.29.24"

    def test_auto_calls_both_from_here(self) -> None:
        """Neither could share one with the other."""
        toolchain, tools = self.asked(backend="auto")
        assert unmet(toolchain) == []
        assert tools == {"litert-torch": self.asked()[0], **self.asked(backend="tensorflow")[1]}


class TestCheck:
    """What is refused before the run."""

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"scheme": "int8"}, "backend 'litert-torch' does not quantise, and scheme is 'int8'"),
            ({"scheme": "fp16", "backend": "auto"}, "backend 'auto' does not quantise"),
            ({"scheme": "int8", "backend": "tensorflow"}, "scheme 'int8' needs calibration images"),
            ({"calibration_data": "digits"}, "scheme 'float' uses no calibration images"),
        ],
    )
    def test_params_that_do_not_fit(self, params: dict[str, Any], message: str) -> None:
        with pytest.raises(UserError, match=message):
            ExportTflite.check(ExportTflite.Params(**params), {"model": (TorchModel,)}, {})

    def test_more_images_than_there_are(self, dataset: Any) -> None:
        params = ExportTflite.Params(
            backend="tensorflow", scheme="int8", calibration_data={"name": "photos"}, calibration=49
        )
        with pytest.raises(UserError, match="49 images asked for, but the train split of 'photos' has 48"):
            ExportTflite.check(params, {"model": (TorchModel,)}, {"calibration_data": dataset})


@pytest.mark.slow(30)
def test_the_file_agrees_with_torch(tflite_model: Outcome) -> None:
    """Figures, input contract, and a run by the LiteRT of this environment."""
    model, figures = tflite_model.outputs["model"], tflite_model.figures
    assert isinstance(model, TfliteModel)
    assert figures["sqnr_db"] > 100
    assert figures["agreement"] == 1
    assert figures["bytes"] == model.bytes()
    assert (model.contract.layout, model.contract.batch) == ("NHWC", 1)
    runtime = LiteRT()
    runtime.load(model, threads=1)
    pixels, logits = model.golden()
    np.testing.assert_allclose(runtime.predict(model.contract.feed(pixels[:1])), logits[:1], atol=1e-4)


@pytest.mark.slow(30)
def test_two_processes_give_one_digest(tflite_model: Outcome, trained_model: TorchModel, export_tflite: Any) -> None:
    """The contract of stages, which can't be tested in this environment."""
    again = export_tflite(trained_model)
    assert folder_digest(again.outputs["model"].path) == folder_digest(tflite_model.outputs["model"].path)


@pytest.mark.slow
def test_tensors_are_named_after_modules(tflite_model: Outcome) -> None:
    """Short and unique, and nothing in the file tells of this machine."""
    from edgesmith_stages.formats.tflite import read

    content = tflite_model.outputs["model"].file.read_bytes()  # type: ignore[attr-defined]
    (graph,) = read(content).subgraphs
    names = [tensor.name.decode() for tensor in graph.tensors]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 60
    assert any(name.startswith("stem.") for name in names)
    assert b"site-packages" not in content


@pytest.fixture(scope="module")
def export() -> Callable[..., Outcome]:
    """Run the stage here, with the tools that it asks for."""

    def export(model: TorchModel, folder: Path, **params: Any) -> Outcome:
        tools = ExportTflite.tools(ExportTflite.Params(**params), {})
        pythons = {name: Toolchains().build(toolchain).python for name, toolchain in tools.items()}
        context = LocalContext(folder, tools=pythons, datasets=[Digits])
        return run_stage(ExportTflite, folder, {"model": model}, params, context=context)

    return export


@pytest.mark.slow(15)
class TestTensorFlow:
    """torch to ONNX to TensorFlow to TFLite."""

    def test_its_file_agrees_with_torch_and_repeats_itself(
        self, trained_model: TorchModel, export: Callable[..., Outcome], tmp_path: Path
    ) -> None:
        """Figures, input contract, and a run by the LiteRT of this environment."""
        made = export(trained_model, tmp_path / "a", backend="tensorflow")
        model = made.outputs["model"]
        assert isinstance(model, TfliteModel)
        assert made.figures["sqnr_db"] > 100
        assert (made.figures["backend"], "refused" in made.figures) == ("tensorflow", False)
        assert made.figures["int8_ops"] == 0
        runtime = LiteRT()
        runtime.load(model, threads=1)
        pixels, logits = model.golden()
        np.testing.assert_allclose(runtime.predict(model.contract.feed(pixels[:1])), logits[:1], atol=1e-4)
        again = export(trained_model, tmp_path / "b", backend="tensorflow")
        assert folder_digest(again.outputs["model"].path) == folder_digest(model.path)
        assert b"site-packages" not in model.file.read_bytes()

    @pytest.mark.parametrize(
        ("params", "ratio", "sqnr"),
        [
            ({"scheme": "dynamic-int8", "layout": "NCHW"}, 0.4, 20),
            ({"scheme": "int8", "calibration_data": "digits", "calibration": 64}, 0.4, 15),
        ],
    )
    def test_it_quantises_on_the_way(
        self,
        trained_model: TorchModel,
        export: Callable[..., Outcome],
        tmp_path: Path,
        params: dict[str, Any],
        ratio: float,
        sqnr: float,
    ) -> None:
        """Of int8, all operators but the dequantising last one give integers; input and output stay float.

        The input may stay channels first.
        """
        made = export(trained_model, tmp_path, backend="tensorflow", **params)
        model, layout = made.outputs["model"], params.get("layout", "NHWC")
        assert isinstance(model, TfliteModel)
        assert model.contract.layout == layout
        assert (
            model.contract.feed(model.golden()[0][:1]).shape == {"NCHW": (1, 3, 32, 32), "NHWC": (1, 32, 32, 3)}[layout]
        )
        assert made.figures["bytes"] < ratio * trained_model.bytes()
        assert made.figures["sqnr_db"] > sqnr
        assert made.figures["int8_ops"] == (made.figures["ops"] - 1 if params["scheme"] == "int8" else 0)

    def test_an_operator_without_onnx_is_named(
        self, make_odd_model: Callable[[Path], TorchModel], export: Callable[..., Outcome], tmp_path: Path
    ) -> None:
        with pytest.raises(StageFailed, match=r"torch.onnx.export could not make an ONNX model.*bessel_j0"):
            export(make_odd_model(tmp_path / "odd"), tmp_path, backend="tensorflow")


@pytest.mark.slow(80)
def test_auto_falls_back_and_says_why(make_torch_model: Maker, export: Callable[..., Outcome], tmp_path: Path) -> None:
    """MobileViTv2's separable attention: litert-torch 0.10 gets its shapes wrong."""
    made = export(make_torch_model(tmp_path / "source", "mobilevitv2_050", size=64), tmp_path, backend="auto")
    assert made.figures["backend"] == "tensorflow"
    assert "at the operator tfl.mul" in made.figures["refused"]["litert-torch"]
    assert made.figures["sqnr_db"] > 60
