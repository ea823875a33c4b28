"""Instructions that one inference takes, counted by Valgrind: a fact about the extra work that no load disturbs.

Run as `python -m benchmarks.nightly.counts MODEL RUNS` it makes so many inferences.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_RUNS = (1, 21)


def instructions(model: Path) -> float | None:
    """Return the instructions of one inference: the difference of two counts; None without Valgrind."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return None
    counts = [_count(valgrind, model, runs) for runs in _RUNS]
    return (counts[1] - counts[0]) / (_RUNS[1] - _RUNS[0])


def _count(valgrind: str, model: Path, runs: int) -> int:
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
    probe = ["-m", "benchmarks.nightly.counts", str(model), str(runs)]
    env = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([*command, *probe], capture_output=True, text=True, check=True, env=env)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(done.stderr[-500:])
    return int(found.group(1))


def infer(model: str, runs: int) -> None:
    """Run an ONNX file on zeros, on one thread."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    image = np.zeros([one if isinstance(one, int) else 1 for one in given.shape], np.float32)
    for _ in range(runs):
        session.run(None, {given.name: image})


if __name__ == "__main__":
    infer(sys.argv[1], int(sys.argv[2]))
