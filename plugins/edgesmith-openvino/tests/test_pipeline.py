"""A pipeline from training to a table, through edgesmith's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PIPELINE = Path(__file__).with_name("pipeline.yaml")


@pytest.mark.slow
def test_from_training_to_a_table_with_every_gate_held(tmp_path: Path) -> None:
    """edgesmith's own `evaluate` and `benchmark` take the new kind; a second run finds everything made."""
    command = [str(Path(sys.executable).with_name("edgesmith")), "run", str(PIPELINE), "--store", str(tmp_path)]
    for told in ("10 done", "10 cached"):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=580, cwd=tmp_path, env={**os.environ}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert told in done.stdout
    rows = {cells[0]: cells for line in done.stdout.splitlines() if (cells := line.split())}
    for name in ("openvino", "openvino-fp16", "openvino-int8", "openvino-qdq"):
        assert rows[name][1] == "openvino" and rows[name][-1] == "ok", done.stdout
