"""Intermediate results of Core ML packages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgesmith import Tap
from edgesmith_stages.runtimes.coreml_reference import CoreMLReference

from .test_coreml_reference import write_model


def test_operations_show_by_their_names(tmp_path: Path) -> None:
    """All that give tensors: not a classifier's label."""
    model = write_model(tmp_path, labels=("a", "b"))
    runtime = CoreMLReference()
    runtime.load(model, threads=1)
    pixels, logits = model.golden()
    found: list[Tap] = []
    runtime.tap(model.contract.feed(pixels[:1]), lambda one: found.append(Tap(one.name, one.op, one.value.copy())))
    assert [(one.name, one.op) for one in found] == [
        ("scaled", "mul"),
        ("pooled", "reduce_mean"),
        ("logits", "linear"),
        ("soft", "softmax"),
    ]
    np.testing.assert_allclose(found[2].value, logits[:1], rtol=1e-4)
