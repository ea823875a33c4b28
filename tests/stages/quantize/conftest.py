"""How right a model file is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgesmith import Model


@pytest.fixture(scope="session")
def right() -> Callable[[Model], float]:
    """Share of the held-out digits that a model file reads right."""
    from edgesmith.parity import outputs_of
    from edgesmith_stages.datasets.digits import Digits
    from edgesmith_stages.runtimes.coreml_reference import CoreMLReference
    from edgesmith_stages.runtimes.litert import LiteRT
    from edgesmith_stages.runtimes.onnxruntime import OnnxRuntime

    split = Digits(Digits.Params()).split("val")

    def share(model: Model) -> float:
        runtime = next(one() for one in (LiteRT, OnnxRuntime, CoreMLReference) if isinstance(model, one.accepts))
        runtime.load(model, threads=1)
        pixels = model.contract.pixels([split.image(index) for index in range(len(split))])
        answers = outputs_of(runtime, model.contract, pixels, batch=1).argmax(axis=1)
        return float((answers == split.labels).mean())

    return share
