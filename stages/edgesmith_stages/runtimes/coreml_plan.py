"""Where Core ML means to run each operation of a model: Neural Engine, GPU or CPU.

Source: coremltools 9.0, `coremltools.models.compute_plan` (MLComputePlan, macOS 14.4 and later).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEVICES = {"MLNeuralEngineComputeDevice": "ane", "MLGPUComputeDevice": "gpu", "MLCPUComputeDevice": "cpu"}
"""What we call coremltools' classes of compute devices."""


def read_plan(package: Path, units: Any) -> dict[str, Any]:
    """Compile a package and return its placement on this machine (see `placement`).

    Args:
        units: the `coremltools.ComputeUnit` that may be used.
    """
    from coremltools.models.compute_plan import MLComputePlan
    from coremltools.models.utils import compile_model

    with tempfile.TemporaryDirectory(prefix="edgesmith-") as folder:
        compiled = compile_model(str(package), str(Path(folder, "model.mlmodelc")))
        return placement(MLComputePlan.load_from_path(compiled, units))


def placement(plan: Any) -> dict[str, Any]:
    """Sum an `MLComputePlan` up.

    Returns:
        `devices`: by device (`ane`, `gpu`, `cpu`), how many operations it is to run; `cost`: by device, its share of
        the estimated cost, from 0 to 1; `operations`: for each, in order, `[name, type, device, cost]`, the cost being
        None where Core ML doesn't tell. Constants, which nothing runs, are left out.
    """
    rows = list(_operations(plan))
    counts = Counter(device for _, _, device, _ in rows)
    total = sum(cost for *_, cost in rows if cost is not None)
    shares = {
        device: round(sum(cost for *_, where, cost in rows if where == device and cost is not None) / total, 4)
        for device in sorted(counts)
        if total
    }
    return {"devices": dict(sorted(counts.items())), "cost": shares, "operations": [list(row) for row in rows]}


def _operations(plan: Any) -> Iterator[tuple[str, str, str, float | None]]:
    program = plan.model_structure.program
    if program is None:
        return
    for _, function in sorted(program.functions.items()):
        for operation in _walk(function.block):
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            if usage is None:
                continue
            cost = plan.get_estimated_cost_for_mlprogram_operation(operation)
            name = operation.outputs[0].name if operation.outputs else ""
            device = type(usage.preferred_compute_device).__name__
            weight = None if cost is None else round(float(cost.weight), 6)
            yield name, operation.operator_name, DEVICES.get(device, device), weight


def _walk(block: Any) -> Iterator[Any]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _walk(inner)
