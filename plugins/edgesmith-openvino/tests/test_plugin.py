"""The distribution, as edgesmith sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(*command: str, folder: Path) -> str:
    """Run a command in a folder and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_listed_with_what_it_brings(tmp_path: Path) -> None:
    """And fails nothing on the way."""
    lines = run(str(Path(sys.executable).with_name("edgesmith")), "plugins", folder=tmp_path).splitlines()
    assert lines[lines.index("openvino (edgesmith-openvino 0.1.0): ok") + 1 :][:4] == [
        "  stage export-openvino", "  stage quantize-openvino", "  runtime openvino", "  kind openvino",
    ]  # fmt: skip


def test_naming_what_it_brings_imports_nothing_heavy(tmp_path: Path) -> None:
    """Planning a pipeline needs neither OpenVINO nor NumPy."""
    code = (
        "import sys; from edgesmith_openvino import plugin\n"
        "for hook in ('stages', 'runtimes', 'artifact_kinds'): getattr(plugin, f'edgesmith_{hook}')()\n"
        "print(sorted({'openvino', 'nncf', 'numpy', 'torch', 'onnx'} & set(sys.modules)))"
    )
    assert run(sys.executable, "-c", code, folder=tmp_path).strip() == "[]"
