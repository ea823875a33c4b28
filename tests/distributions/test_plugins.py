"""The distributions under plugins/, installed and uninstalled beside edgesmith as users do; the core stays as it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = sorted(file.parent.name for file in ROOT.glob("plugins/*/pyproject.toml"))
STAGES = {
    "edgesmith-coreai": ("export-coreai",),
    "edgesmith-executorch": ("export-executorch",),
    "edgesmith-openvino": ("export-openvino", "quantize-openvino"),
}
PIPELINE = """\
name: everywhere
params: {data: digits, image_size: 32, seed: 0}
stages:
  model: {uses: train, with: {model: test_efficientnet, epochs: 2, lr: 0.006}}
  fused: {uses: fuse, needs: {model: model}}
  onnx: {uses: export-onnx, needs: {model: fused}}
  openvino: {uses: export-openvino, needs: {model: onnx}}
  openvino-int8: {uses: quantize-openvino, needs: {model: openvino}, with: {calibration: 32}}
  executorch: {uses: export-executorch, needs: {model: fused}}
  coreai: {uses: export-coreai, needs: {model: fused}}
  eval: {uses: evaluate, needs: {models: [fused, onnx, openvino, openvino-int8, executorch, coreai]}}
gates:
  - min(eval.agreement["openvino"], eval.agreement["executorch"], eval.agreement["coreai"]) >= 0.99
  - eval.agreement["openvino-int8"] >= 0.8
"""


@dataclass
class Machine:
    """A user's machine: edgesmith, and a folder for what is installed beside it."""

    folder: Path

    def uv(self, *arguments: str) -> None:
        target = ("--target", str(self.folder / "site"), "--python", sys.executable)
        command = [os.fsdecode(find_uv_bin()), "pip", *arguments, "--quiet", "--no-config", *target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def edgesmith(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("edgesmith")), *arguments]
        env = {**os.environ, "PYTHONPATH": str(self.folder / "site"), "EDGESMITH_STORE": str(self.folder / "store")}
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """All of them installed, from a copy: building one leaves files beside its source."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    copies = made.folder / "source"
    for name in DISTRIBUTIONS:
        shutil.copytree(ROOT / "plugins" / name, copies / name, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    made.uv("install", "--no-deps", *(str(copies / name) for name in DISTRIBUTIONS))
    (made.folder / "everywhere.yaml").write_text(PIPELINE)
    return made


@pytest.fixture
def without(machine: Machine) -> Iterator[Callable[[str], None]]:
    """Uninstall one; it is back after the test."""
    gone: list[str] = []

    def uninstall(name: str) -> None:
        machine.uv("uninstall", name)
        gone.append(name)

    yield uninstall
    for name in gone:
        machine.uv("install", "--no-deps", str(machine.folder / "source" / name))


def test_the_core_names_none_of_them() -> None:
    """Nor any word of theirs: adding a backend takes no line in the three core packages."""
    words = [name.removeprefix("edgesmith-") for name in DISTRIBUTIONS]
    for package in ("flows/edgesmith_flows", "plugins/edgesmith", "stages/edgesmith_stages"):
        for file in sorted((ROOT / package).rglob("*.py")):
            found = re.search("|".join(words), file.read_text(encoding="utf-8"), re.IGNORECASE)
            assert found is None, f"{file} names {found and found[0]}"


def test_they_import_nothing_of_the_core_but_the_contract() -> None:
    for name in DISTRIBUTIONS:
        for file in sorted((ROOT / "plugins" / name / "src").rglob("*.py")):
            assert not re.search(r"(from|import) edgesmith_(flows|stages)", file.read_text(encoding="utf-8")), file


@pytest.mark.slow
def test_installing_is_enough(machine: Machine) -> None:
    """Stages, kinds and runtimes are there: in the lists, in the JSON Schema that editors read, in validation."""
    plugins, stages = machine.edgesmith("plugins").stdout, machine.edgesmith("stages").stdout
    schema = json.loads(machine.edgesmith("schema").stdout)
    for name in DISTRIBUTIONS:
        assert f"({name} 0.1.0): ok" in plugins
        assert f"  runtime {name.removeprefix('edgesmith-')}" in plugins
        for stage in STAGES[name]:
            assert f"\n{stage} " in stages
            assert f'"{stage}"' in json.dumps(schema)
    wrong = PIPELINE.replace("calibration: 32", "calibratoin: 32").replace("export-executorch", "export-executorhc")
    (machine.folder / "wrong.yaml").write_text(wrong)
    told = machine.edgesmith("run", "--dry-run", "wrong.yaml")
    assert told.returncode == 1
    assert "did you mean 'calibration'" in told.stderr
    assert "did you mean 'export-executorch'" in told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_uninstalling_leaves_the_others_working(machine: Machine, without: Callable[[str], None], name: str) -> None:
    without(name)
    plugins = machine.edgesmith("plugins").stdout
    assert name not in plugins
    assert all(f"({other} 0.1.0): ok" in plugins for other in DISTRIBUTIONS if other != name)
    told = machine.edgesmith("run", "--dry-run", "everywhere.yaml")
    assert told.returncode == 1
    for stage in STAGES[name]:
        assert f"unknown stage '{stage}'" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.slow(85)
@pytest.mark.timeout(1800)  # the first time four environments are built
def test_one_pipeline_runs_through_all_of_them(machine: Machine) -> None:
    """Each in the environment that it asks for, in one table with the formats that are built in."""
    done = machine.edgesmith("run", "everywhere.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {cells[0]: cells for line in done.stdout.splitlines() if (cells := line.split())}
    for name in ("openvino", "openvino-int8", "executorch", "coreai"):
        assert rows[name][1] == name.partition("-")[0] and rows[name][-1] == "ok", done.stdout
    assert "8 cached" in machine.edgesmith("run", "everywhere.yaml").stdout
