"""Nothing of what is made or measured is reported to anybody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LOAD = """
import os, sys
for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY"):
    os.environ.pop(name, None)
os.environ.update(HOME=sys.argv[1], TMPDIR=sys.argv[1], XDG_CACHE_HOME=sys.argv[1])
import edgesmith_stages.runtimes.onnxruntime
import onnxruntime
print(onnxruntime.get_available_providers())
"""


def test_onnx_runtime_keeps_no_identifier(python: Callable[..., str], tmp_path: Path) -> None:
    """By itself it writes one to the user's cache when it is imported, and sends each model's names and hashes."""
    assert "CPUExecutionProvider" in python(LOAD, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_who_wants_it_may_have_it(python: Callable[..., str]) -> None:
    """What the user set stays."""
    code = "import os, edgesmith_stages; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert python(code, ORT_DISABLE_TELEMETRY="0").strip() == "0"
