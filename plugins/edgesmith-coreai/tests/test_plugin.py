"""The distribution as edgesmith finds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_importing_it_brings_no_heavy_package_in():
    code = "import sys, edgesmith_coreai.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"coreai", "coreai_torch", "numpy", "torch"} & set(loaded)


def test_edgesmith_lists_what_it_brings():
    command = Path(sys.executable).with_name("edgesmith")
    lines = subprocess.run([command, "plugins"], capture_output=True, text=True, check=True).stdout.splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("coreai (edgesmith-coreai "))
    assert lines[place].endswith("ok")
    assert [line.strip() for line in lines[place + 1 : place + 4]] == [
        "stage export-coreai", "runtime coreai", "kind coreai",
    ]  # fmt: skip
