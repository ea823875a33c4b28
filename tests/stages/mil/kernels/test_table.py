"""The table: every operation of PyMIL, at every opset."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from edgesmith_stages.mil import kernels as package
from edgesmith_stages.mil.kernels.table import MODULES, find, kernels

OWN = {"const", "custom_layer"}
"""What is no kernel: constants are decoded by the plan, custom layers are an app's own code."""


def test_every_module_with_kernels_is_in_the_table() -> None:
    """None is forgotten."""
    names = [one.name for one in pkgutil.iter_modules(package.__path__) if one.name != "table"]
    holders = [name for name in names if hasattr(importlib.import_module(f"{package.__name__}.{name}"), "KERNELS")]
    assert sorted(holders) == sorted(module.__name__.rpartition(".")[2] for module in MODULES)


def test_the_newest_meaning_up_to_the_opset() -> None:
    """A program keeps the meaning of the opset that it was written in."""
    several = next(name for name, found in kernels().items() if len(found) > 1)
    first, second = sorted(kernels()[several])[:2]
    assert find(several, first - 1) is None
    assert find(several, second - 1) is kernels()[several][first]
    assert find(several, second) is kernels()[several][second]
    assert find("no_such_operation", 8) is None


@pytest.mark.slow
@pytest.mark.parametrize(("target", "opset"), [("iOS15", 5), ("iOS16", 6), ("iOS17", 7), ("iOS18", 8)])
def test_every_operation_of_pymil_has_a_kernel(target: str, opset: int) -> None:
    """Those that a saved program of that target may hold."""
    import coremltools
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry

    wanted = getattr(coremltools.target, target)
    missing = {
        name
        for name, by_target in SSAOpRegistry.core_ops.items()
        if any(one <= wanted for one in by_target) and not name.startswith("_") and find(name, opset) is None
    }
    assert missing <= OWN, sorted(missing - OWN)
