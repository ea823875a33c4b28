"""The `adb` target: real adb, a device that speaks its protocol, and an aarch64 program that is pushed and run."""

import threading
import time

import pytest

from edgesmith import OnnxModel, RuntimeUnavailable, StageFailed, TfliteModel, UserError
from edgesmith.target import make_target
from edgesmith.testing import LocalContext, TargetContract, run_stage
from edgesmith_stages.benchmark import Benchmark
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.targets.adb.target import TOOL_VARIABLE, Adb

from .android import running
from .test_client import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def params(device, tool, monkeypatch):
    """Params for a device's own folder; the tool is named by the variable."""
    monkeypatch.setenv(TOOL_VARIABLE, str(tool))
    return {"serial": device.serial, "folder": f"{device.folder}/its da$ta"}


@pytest.fixture(scope="module")
def model(tmp_path_factory, make_torch_model, export_tflite):
    """A small network, exported to TFLite."""
    made = export_tflite(make_torch_model(tmp_path_factory.mktemp("torch")))
    return made.outputs["model"]


class TestContract(TargetContract):
    target = Adb

    @pytest.fixture(autouse=True)
    def _given(self, params, model):
        self.params, self._model = params, model

    def model(self, folder):
        return self._model


def test_what_the_device_is_goes_into_the_key_but_not_which_one(params):
    told = make_target(Adb, params).identity()
    assert told == {
        "maker": "Acme", "model": "Phone 9 [test]", "soc": "AC9000", "abi": "arm64-v8a", "cores": told["cores"],
        "build": "acme/phone9/phone9:16/AP4A/1:user/release-keys",
        "delegate": "cpu", "benchmark_model": told["benchmark_model"],
    }  # fmt: skip
    assert "SECRET1" not in str(told)


def test_a_benchmark_on_the_device(params, model, device, tmp_path):
    device.heat(1)
    made = run_stage(
        Benchmark,
        tmp_path / "out",
        {"models": [model, model]},
        {"runs": 7, "warmup": 2, "threads": 2, "target": {"name": "adb", **params, "delegate": "xnnpack"}},
        context=LocalContext(tmp_path / "out", datasets=[RandomImages], targets=[Adb]),
    )
    for row in made.figures["models"]:
        assert row["status"] == "ok"
        assert row["runtime"] == "benchmark_model"
        assert 0 < row["min_ms"] <= row["median_ms"] <= row["p95_ms"] <= row["max_ms"]
        assert row["min_ms"] <= row["mean_ms"] <= row["max_ms"]
        assert row["load_ms"] > 0
        assert row["peak_mb"] > 0
        facts = row["facts"]
        assert (facts["runs"], facts["threads"], facts["delegated"]) == (7, 2, "partially, 3 kernels")
        assert facts["first_ms"] > 0
        assert facts["before"]["thermal"] == facts["after"]["thermal"] == "light"
        assert facts["after"]["temperatures"] == {"CPU0": 41.5, "skin": 30.25}
        assert (facts["after"]["battery_percent"], facts["after"]["battery_celsius"]) == (87, 28.5)
        assert facts["after"]["powered_by"] == ["usb"]
        assert facts["throttled"] is False
    assert len(device.pushed) == 2, "the tool and the model, once each"


def test_a_device_that_gets_hot_is_noted(params, model, device):
    with make_target(Adb, params).open(None, model, threads=1) as session:
        session.time(None, warmup=1, runs=2)
        assert session.facts["throttled"] is False
        device.heat(3)
        session.time(None, warmup=1, runs=2)
        assert session.facts["after"]["thermal"] == "severe"
        assert session.facts["throttled"] is True


def test_a_file_that_was_changed_on_the_device_is_brought_again(params, model, device):
    for _ in range(2):
        make_target(Adb, params).open(None, model, threads=1)
    assert len(device.pushed) == 2
    (place,) = (device.folder / "its da$ta").glob("*.tflite")
    place.write_bytes(b"something else")
    make_target(Adb, params).open(None, model, threads=1)
    assert place.read_bytes() == model.file.read_bytes()


def test_a_file_that_comes_damaged_is_told_and_leaves_nothing(params, model, device):
    device.damaging = True
    with pytest.raises(StageFailed, match=r"came to .* damaged: sha256"):
        make_target(Adb, params).open(None, model, threads=1)
    assert list((device.folder / "its da$ta").iterdir()) == []


def test_more_threads_are_passed_on(params, model):
    """The program makes fewer passes over the model with more threads."""
    taken = []
    for threads in (1, 8):
        with make_target(Adb, params).open(None, model, threads=threads) as session:
            taken.append(session.time(None, warmup=1, runs=5).min)
    assert taken[1] < taken[0]


def test_only_tflite_models_run_there(params, tmp_path):
    with pytest.raises(RuntimeUnavailable, match="adb runs tflite models, not onnx"):
        make_target(Adb, params).open(None, OnnxModel(tmp_path), threads=1)


@pytest.mark.parametrize(
    ("delegate", "message"),
    [("gpu", "the GPU delegate takes no operation"), ("nnapi", "doesn't know the flags --use_nnapi=true")],
)
def test_what_the_delegate_did_not_run_is_no_figure_of_it(params, model, delegate, message):
    with (
        make_target(Adb, {**params, "delegate": delegate}).open(None, model, threads=1) as session,
        pytest.raises(StageFailed, match=message),
    ):
        session.time(None, warmup=1, runs=2)


def test_a_tool_that_fails_is_quoted(params, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "model.tflite").write_bytes(b"no flatbuffer")
    with (
        make_target(Adb, params).open(None, TfliteModel(tmp_path / "bad"), threads=1) as session,
        pytest.raises(StageFailed, match=r"\(exit status 1\)(.|\n)*not a valid Flatbuffer"),
    ):
        session.time(None, warmup=1, runs=2)


def test_without_the_tool_the_run_is_refused_with_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv(TOOL_VARIABLE, raising=False)
    with pytest.raises(UserError, match="benchmark_model is needed") as caught:
        make_target(Adb, {}).check()
    assert TOOL_VARIABLE in caught.value.hint
    with pytest.raises(UserError, match="there is no benchmark_model at"):
        make_target(Adb, {"benchmark_model": str(tmp_path / "none")}).check()


def test_a_device_that_goes_away_in_the_middle_is_told_and_nothing_runs_on(params, model, device):
    with make_target(Adb, params).open(None, model, threads=1) as session:
        failed = []

        def measure():
            with pytest.raises(StageFailed) as caught:
                session.time(None, warmup=1, runs=10_000_000)
            failed.append(caught.value)

        thread = threading.Thread(target=measure)
        thread.start()
        assert eventually(lambda: any("--num_runs=10000000" in line for line in running(device.folder)))
        time.sleep(0.3)
        device.unplug()
        thread.join(timeout=30)
    (error,) = failed
    assert f"the device {device.serial} went away while" in error.message
    assert "adb devices" in error.hint
    assert eventually(lambda: running(device.folder) == [])


def test_runs_stop_when_their_time_is_up(params, model):
    with make_target(Adb, {**params, "max_seconds": 0.5}).open(None, model, threads=8) as session:
        assert 0 < session.time(None, warmup=1, runs=10_000_000).runs < 10_000_000
