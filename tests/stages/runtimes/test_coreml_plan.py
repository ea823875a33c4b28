"""Where Core ML means to run operations, summed up from coremltools' own structures; the plan itself needs macOS."""

import inspect
from types import SimpleNamespace

import pytest

from edgesmith_stages.runtimes.coreml_plan import placement

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plans():
    """coremltools' module of compute plans and its classes of devices, none of which is constructible off a Mac."""
    from coremltools.models import compute_device, compute_plan

    def device(name):
        return object.__new__(getattr(compute_device, name))

    def operation(name, kind, *, blocks=()):
        outputs = [compute_plan.MLModelStructureProgramNamedValueType(name, None)]
        return compute_plan.MLModelStructureProgramOperation({}, kind, outputs, list(blocks), None)

    def block(*operations):
        return compute_plan.MLModelStructureProgramBlock([], list(operations), [])

    def program(*operations):
        function = compute_plan.MLModelStructureProgramFunction([], block(*operations))
        return compute_plan.MLModelStructure(None, compute_plan.MLModelStructureProgram({"main": function}), None)

    return SimpleNamespace(
        device=device, operation=operation, block=block, program=program, usage=compute_plan.MLComputePlanDeviceUsage,
        cost=compute_plan.MLComputePlanCost, plan=compute_plan.MLComputePlan,
    )  # fmt: skip


class Answer:
    """What a plan answers, by the operation's name."""

    def __init__(self, structure, usages, costs):
        self.model_structure = structure
        self.usages, self.costs = usages, costs

    def get_compute_device_usage_for_mlprogram_operation(self, operation):
        return self.usages.get(operation.outputs[0].name)

    def get_estimated_cost_for_mlprogram_operation(self, operation):
        return self.costs.get(operation.outputs[0].name)


def test_operations_are_counted_by_device_and_weighed_by_cost(plans):
    inner = plans.operation("inner", "add")
    structure = plans.program(
        plans.operation("weight", "const"),
        plans.operation("x", "conv"),
        plans.operation("loop", "while_loop", blocks=[plans.block(inner)]),
        plans.operation("y", "softmax"),
    )
    ane, cpu = plans.device("MLNeuralEngineComputeDevice"), plans.device("MLCPUComputeDevice")
    gpu = plans.device("MLGPUComputeDevice")
    usages = {"x": ane, "inner": gpu, "loop": cpu, "y": cpu}
    told = placement(
        Answer(
            structure,
            {name: plans.usage(one, [cpu, one]) for name, one in usages.items()},
            {"x": plans.cost(0.6), "inner": plans.cost(0.1), "y": plans.cost(0.1)},
        )
    )
    assert told["devices"] == {"ane": 1, "cpu": 2, "gpu": 1}
    assert told["cost"] == {"ane": 0.75, "cpu": 0.125, "gpu": 0.125}
    assert told["operations"] == [
        ["x", "conv", "ane", 0.6],
        ["loop", "while_loop", "cpu", None],
        ["inner", "add", "gpu", 0.1],
        ["y", "softmax", "cpu", 0.1],
    ]


def test_a_model_that_is_no_program_has_none(plans):
    from coremltools.models.compute_plan import MLModelStructure

    assert placement(Answer(MLModelStructure(None, None, None), {}, {})) == {
        "devices": {},
        "cost": {},
        "operations": [],
    }


def test_coremltools_has_what_is_called_on_a_mac(plans):
    """Its benchmarker is marked experimental: a change of it is to be seen here, not on a Mac."""
    from coremltools.models.ml_program.experimental.perf_utils import MLModelBenchmarker
    from coremltools.models.utils import compile_model

    taken = inspect.signature(MLModelBenchmarker.benchmark_predict).parameters
    assert {"inputs", "iterations", "warmup"} <= set(taken)
    assert taken["warmup"].default is False
    assert inspect.iscoroutinefunction(MLModelBenchmarker.benchmark_predict)
    assert MLModelBenchmarker.Measurement.from_samples([2.0]).samples == [2.0]
    assert {"model", "destination_path"} <= set(inspect.signature(compile_model).parameters)
    assert list(inspect.signature(plans.plan.load_from_path).parameters) == ["path", "compute_units"]
