"""The setting in which training repeats itself bit for bit."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Use deterministic kernels and a fixed number of threads; afterwards torch is as it was.

    Where torch has no deterministic kernel it warns and goes on.
    """
    import torch

    # cuBLAS reads this when CUDA starts; without it, its matrix products are not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=before[2])
        torch.backends.cudnn.benchmark = before[3]
        torch.utils.deterministic.fill_uninitialized_memory = before[4]


def derived_seed(*parts: int) -> int:
    """Mix integers into one seed of 32 bits: neighbours give unrelated ones."""
    text = ",".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def seed_all(*parts: int) -> None:
    """Seed the generators of Python, numpy and torch from integers."""
    import numpy as np
    import torch

    seed = derived_seed(*parts)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def drawing(*parts: int) -> Iterator[None]:
    """Seed the CPU generators, and give them their states back afterwards."""
    import numpy as np
    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed = derived_seed(*parts)
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
