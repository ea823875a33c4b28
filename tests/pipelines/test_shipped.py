"""The pipelines that ship: all of them check, and the smallest runs from YAML to table."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgesmith_flows.nightly.document import load_nightly
from edgesmith_flows.session import load_pipeline
from edgesmith_flows.settings import Settings, known_pipelines


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("name", sorted(set(known_pipelines()) - {"nightly"}))
def test_every_pipeline_that_ships_is_sound(name, tmp_path):
    pipeline, _ = load_pipeline(str(known_pipelines()[name].absolute()), Settings(tmp_path))
    assert pipeline.name == name
    assert pipeline.description


def test_the_nightly_that_ships_is_sound_and_runs_pipelines_that_ship():
    document = load_nightly("nightly")
    assert document.name == "nightly"
    assert {entry.name for entry in document.nightly.pipelines} <= set(known_pipelines())


class TestSmoke:
    """One cold run and one warm one, as a user types them, shared by the tests below."""

    @pytest.fixture(scope="class")
    @staticmethod
    def runs(tmp_path_factory):
        folder = tmp_path_factory.mktemp("smoke")
        edgesmith = Path(sys.executable).with_name("edgesmith")
        env = {**os.environ, "EDGESMITH_STORE": str(folder / "store")}
        return folder, [run([edgesmith, "run", "smoke"], cwd=folder, env=env) for _ in range(2)]

    @pytest.mark.slow(50)
    def test_the_cold_run_makes_every_node_and_holds_its_gates(self, runs):
        folder, (cold, _) = runs
        assert cold.returncode == 0, cold.stderr + cold.stdout
        assert "6 nodes (6 done)" in cold.stdout
        assert "Flow run" not in cold.stderr  # Prefect keeps its lines to its own log
        assert cold.stdout.count("\nok   ") == 2
        (table,) = [line for line in cold.stdout.splitlines() if line.startswith("onnx-int8 ")]
        assert table.split()[1] == "onnx"
        assert float(table.split()[3]) > 0.5
        assert not any((folder / "store" / "tmp").iterdir())
        assert not any((folder / "store" / "scratch").iterdir())

    @pytest.mark.slow(45)
    def test_the_warm_run_finds_all_of_it_without_prefect_or_a_worker(self, runs):
        folder, (cold, warm) = runs
        assert warm.returncode == 0, warm.stderr
        assert "6 nodes (6 cached)" in warm.stdout
        assert "Prefect" not in warm.stdout
        table = [line for line in cold.stdout.splitlines() if line.startswith(("fused ", "onnx"))]
        assert table[-3:] == [line for line in warm.stdout.splitlines() if line.startswith(("fused ", "onnx"))][-3:]
        records = [json.loads(file.read_text()) for file in sorted((folder / "store" / "runs").iterdir())]
        assert [{node["state"] for node in record["nodes"].values()} for record in records] == [{"done"}, {"cached"}]

    @pytest.mark.slow
    def test_another_cold_run_elsewhere_gives_the_same_bytes_but_for_measurements(self, runs, tmp_path):
        folder, _ = runs
        edgesmith = Path(sys.executable).with_name("edgesmith")
        env = {**os.environ, "EDGESMITH_STORE": str(tmp_path / "store")}
        done = run([edgesmith, "run", "smoke"], cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr + done.stdout

        def outputs(store):
            record = json.loads(sorted((store / "runs").iterdir())[0].read_text())
            return {name: node["outputs"] for name, node in record["nodes"].items() if name != "bench"}

        assert outputs(folder / "store") == outputs(tmp_path / "store")

    @pytest.mark.slow
    def test_what_is_published_is_whole(self, runs):
        folder, _ = runs
        edgesmith = Path(sys.executable).with_name("edgesmith")
        done = subprocess.run(
            [edgesmith, "cache", "verify", "--store", str(folder / "store")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert "6 artifacts, 0 damaged" in done.stdout
