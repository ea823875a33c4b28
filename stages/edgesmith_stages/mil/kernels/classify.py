"""The output of a classifier."""

from __future__ import annotations

from collections.abc import Mapping

from edgesmith_stages.mil.call import Call, Kernel, Results


def classify(call: Call) -> Results:
    """The most probable class, the first of equals, and a dict from each class to its probability."""
    import torch

    given = call.given("classes")
    classes = given.tolist() if isinstance(given, torch.Tensor) else list(given)
    probabilities = call.tensor("probabilities").flatten().tolist()
    best = max(range(len(classes)), key=lambda at: probabilities[at])
    return classes[best], dict(zip(classes, probabilities, strict=True))


KERNELS: Mapping[tuple[str, int], Kernel] = {("classify", 5): classify}
