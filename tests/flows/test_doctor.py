"""What `edgesmith doctor` looks at, well and ill."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from edgesmith import Artifact, EdgesmithError, Target
from edgesmith_flows import doctor, doctor_places
from edgesmith_flows.doctor import Finding
from edgesmith_flows.registry import PluginState, Registry
from edgesmith_flows.store import Store
from edgesmith_flows.toolchains import Toolchains


def named(findings, name):
    (found,) = [one for one in findings if one.name == name]
    return found


def test_the_machine_it_runs_on_is_told():
    found = list(doctor.machine())
    assert [one.name for one in found] == ["Python", "platform", "uv"]
    assert {one.state for one in found} == {"ok"}
    assert named(found, "uv").text.startswith("uv 0.")


def test_every_requirement_of_edgesmith_is_looked_at(monkeypatch):
    monkeypatch.setattr(
        doctor.metadata, "requires", lambda _: ["click>=8", "click<2", "no-such-thing", "s3fs; extra=='s3'"]
    )
    found = list(doctor.packages())[1:]
    assert [(one.name, one.state) for one in found] == [
        ("click", "ok"),
        ("click", "broken"),
        ("no-such-thing", "broken"),
    ]
    assert found[1].hint == "install 'click<2'"
    assert found[2].text == "not installed"


def test_plugins_are_told_with_what_they_bring_and_what_ails_them():
    registry = Registry(
        plugins=[
            PluginState("one", "acme 1.0", brings=("stages:a", "stages:b", "model_sources:c")),
            PluginState("two", "acme 2.0", error="it broke", hint="mend it"),
            PluginState("three", "acme 3.0", brings=("kinds:a",), notes=("it is old",)),
        ]
    )
    assert list(doctor.plugins(registry)) == [
        Finding("plugin", "one (acme 1.0)", "ok", "2 stages, 1 model sources"),
        Finding("plugin", "two (acme 2.0)", "broken", "it broke", "mend it"),
        Finding("plugin", "three (acme 3.0)", "note", "1 kinds; it is old"),
    ]


def test_a_toolchain_without_an_interpreter_is_broken_and_one_of_another_version_is_not(tmp_path):
    (tmp_path / "aaaa").mkdir()
    (tmp_path / "bbbb" / "bin").mkdir(parents=True)
    (tmp_path / "bbbb" / "bin" / "python").symlink_to(shutil.which("python3"))
    gone, other, total = doctor.toolchains(tmp_path)
    assert (gone.state, gone.text) == ("broken", "its interpreter is gone")
    assert gone.hint.startswith("`edgesmith toolchain rm aaaa`")
    assert (other.state, other.text) == ("note", "another version of edgesmith built it")
    assert total.text == f"2 in {tmp_path}"


def test_a_runtime_that_cannot_run_here_says_why(registry, tmp_path):
    found = list(doctor.runtimes(registry, Toolchains(tmp_path)))
    assert named(found, "onnxruntime") == Finding("runtime", "onnxruntime", "ok", "runs onnx in this environment")
    mac = named(found, "coreml")
    assert (mac.state, mac.text) == ("note", "can't run coreml here: Core ML runs on macOS only")


class Away(Target):
    """A device that is away."""

    name = "away"

    def identity(self):
        raise EdgesmithError("no device is connected", hint="plug it in")


def test_a_target_behind_a_work_pool_is_not_asked_here(registry):
    (found,) = doctor.targets(Registry(targets={"pool": registry.targets["pool"]}))
    assert (found.state, found.text) == ("ok", "the machine that answers from the work pool tells what it is")


def test_a_target_that_is_away_says_so(registry):
    found = list(doctor.targets(Registry(targets={"away": Away, "host": registry.targets["host"]})))
    assert named(found, "away") == Finding(
        "target", "away", "note", "can't be used: no device is connected", "plug it in"
    )
    assert "cores" in named(found, "host").text


class TestStore:
    def test_none_yet_is_fine_and_none_is_made(self, tmp_path):
        (found,) = doctor_places.store(tmp_path / "none")
        assert found.state == "ok"
        assert not (tmp_path / "none").exists()

    def test_one_that_is_well_is_counted(self, tmp_path):
        store = Store.open(tmp_path / "store")
        with store.lease(), store.workspace() as folder:
            (folder / "out").mkdir()
            (folder / "out" / "file").write_bytes(bytes(1_000_000))
            store.publish(folder / "out", Artifact)
            found = list(doctor_places.store(store.root))
        assert {one.state for one in found} == {"ok"}
        assert named(found, "content").text == "1 artifacts, 1.0 MB, 0 results"
        assert named(found, "leases").text == "1 of running pipelines"

    def test_damage_is_told(self, tmp_path):
        store = Store.open(tmp_path / "store")
        with store.workspace() as folder:
            (folder / "out").mkdir()
            (folder / "out" / "file").write_text("text")
            digest = store.publish(folder / "out", Artifact)
        manifest = store.artifact_folder(digest) / "manifest.json"
        manifest.write_text("{")
        assert named(doctor_places.store(store.root), "damaged").state == "broken"
        store.set_aside(digest)
        assert named(doctor_places.store(store.root), "set aside").text.startswith("1 damaged artifacts in ")

    @pytest.mark.parametrize(("content", "told"), [(None, "is not a store"), ("9", "has format '9'; this edgesmith")])
    def test_another_format_is_told(self, tmp_path, content, told):
        if content:
            (tmp_path / "FORMAT").write_text(content)
        (found,) = doctor_places.store(tmp_path)
        assert found.state == "broken"
        assert told in found.text

    def test_leases_of_killed_runs_are_told(self, tmp_path):
        store = Store.open(tmp_path)
        (tmp_path / "leases" / "dead").touch()
        found = named(doctor_places.store(store.root), "leases")
        assert found.text == "0 of running pipelines, 1 of killed runs, which the next run clears"


class TestDisks:
    Usage = namedtuple("Usage", "total used free")

    @pytest.mark.parametrize(("free", "state"), [(10**12, "ok"), (10**9, "note"), (10**7, "broken")])
    def test_scarce_room_is_told(self, tmp_path, monkeypatch, free, state):
        monkeypatch.setattr(doctor_places.shutil, "disk_usage", lambda _: self.Usage(10**12, 0, free))
        (found,) = doctor_places.disks({"store": tmp_path / "not" / "there", "temporary files": tmp_path})
        assert (found.name, found.state) == ("store, temporary files", state)
        assert bool(found.hint) == (state != "ok")

    def test_the_root_will_do_for_what_is_not_there(self):
        (found,) = doctor_places.disks({"store": Path("/no/such/folder")})
        assert found.name == "store"


@pytest.mark.slow
class TestPrefect:
    def test_without_a_server_each_run_has_its_own(self):
        (found,) = doctor_places.prefect()
        assert found.state == "ok"
        assert found.text.startswith("none is configured: each run starts its own server, Prefect 3.")

    def test_a_server_that_does_not_answer_is_told(self):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
            (found,) = doctor_places.prefect()
        assert found.state == "broken"
        assert found.text.startswith("http://127.0.0.1:9/api does not answer: ")

    def test_a_server_that_answers_tells_its_version(self, tmp_path):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from edgesmith_flows.prefect_server import run_server

        with run_server(tmp_path / "log") as url, temporary_settings({PREFECT_API_URL: url}):
            (found,) = doctor_places.prefect()
        assert found.state == "ok", found
        assert found.text.startswith(f"{url}: Prefect 3.")
