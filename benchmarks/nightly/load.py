"""A load generator: processes that compute, move memory and rest, by turns of random length.

Run as `python -m benchmarks.nightly.load SEED` it does so until it is stopped.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator


@contextlib.contextmanager
def loaded(processes: int) -> Iterator[None]:
    """Keep the machine busy with so many processes."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.nightly.load"]
    running = [subprocess.Popen([*command, str(seed)], env=env) for seed in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def make_noise(seed: int) -> None:
    """Load one core, never for long in the same way."""
    import numpy as np

    chance = random.Random(seed)
    square = np.ones((192, 192), np.float32)
    large = np.zeros(16 << 20, np.uint8)
    while os.getppid() != 1:
        kind, until = chance.choice(("compute", "memory", "rest")), time.monotonic() + chance.expovariate(5)
        while time.monotonic() < until:
            if kind == "compute":
                square @ square
            elif kind == "memory":
                large[:] = large[::-1]
            else:
                time.sleep(0.002)


if __name__ == "__main__":
    make_noise(int(sys.argv[1]))
