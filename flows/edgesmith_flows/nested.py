"""Run a pipeline for a stage of another one: in the same store, on the same workers, as a flow run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgesmith.errors import EdgesmithError, UserError
from edgesmith.loading import object_name
from edgesmith.refs import PipelineRef
from edgesmith_flows.gates import value_of
from edgesmith_flows.heard import Heard
from edgesmith_flows.outcome import Listener, NodeResult
from edgesmith_flows.pipeline import Node, Pipeline, PipelineUse
from edgesmith_flows.plan import Plan, make_plan
from edgesmith_flows.results import Summary, by_gate_name, summarise

if TYPE_CHECKING:
    from edgesmith_flows.execute import Executor


class Within:
    """Tells the listener of the outer run what goes on in a nested one.

    Args:
        node: the outer node that runs the pipeline.
    """

    def __init__(self, outer: Listener, node: str) -> None:
        self._outer, self._node = outer, node

    def started(self, node: str) -> None:
        """See `Listener`."""
        self._outer.logged(self._node, "INFO", f"{node}: started")

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        """See `Listener`."""

    def logged(self, node: str, level: str, text: str) -> None:
        """See `Listener`; what stages say in passing would hide what the outer one says."""
        if level in ("WARNING", "ERROR", "CRITICAL"):
            self._outer.logged(self._node, level, f"{node}: {text}" if node else text)

    def ended(self, result: NodeResult) -> None:
        """See `Listener`."""
        if result.error is not None:
            self._outer.logged(self._node, "WARNING", f"{result.node.name}: {result.state}: {result.error.message}")


def run_nested(executor: Executor, node: Node, asked: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
    """Run the pipeline that a stage asks for; return what it is answered, as JSON values.

    Args:
        executor: makes `node`.
        asked: `ref` (with its params), `params` beside them, and the expressions to `ask`.
        heard: is told how the nodes ended. Params that the pipeline can't be run with are a lasting failure; any other
            one may be gone the next time, and makes the outer result provisional.

    Raises:
        UserError: the pipeline can't be run with these params.
        Cancelled: the run was interrupted.
    """
    ref = PipelineRef.model_validate(asked["ref"])
    use = next((one for one in node.pipelines.values() if one.ref == ref), None)
    if use is None:
        raise UserError(f"the stage {node.stage.name} asks for the pipeline {ref.name!r}, which no param names")
    pipeline = use.at({**ref.params, **asked["params"]})
    told = ", ".join(f"{name}={value}" for name, value in asked["params"].items())
    try:
        inner = _executor(executor, node, use, pipeline)
        summary = _run(inner, f"{executor.plan.pipeline.name}/{node.name}: {told}"[:200])
    except EdgesmithError as error:
        heard.lost(error.message)
        raise
    executor.stop_if_cancelled()
    heard.ran(summary.results.values())
    return _answer(executor, summary, asked["ask"])


def _executor(outer: Executor, node: Node, use: PipelineUse, pipeline: Pipeline) -> Executor:
    identities = replace(outer.identities, registry=use.registry, seed=pipeline.seed)
    with outer.identity_lock:
        plan = make_plan(pipeline, outer.store, identities)
    return replace(
        outer,
        plan=plan,
        registry=use.registry,
        identities=identities,
        listener=Within(outer.listener, node.name),
        force=set(),
        results={},
    )


def _run(executor: Executor, title: str) -> Summary:
    plan: Plan = executor.plan
    if plan.done:
        results = {name: NodeResult(step.node, "cached", step.action) for name, step in plan.steps.items()}
        return summarise(plan, results, executor.store)
    from edgesmith_flows.prefect_flow import run_flow

    return run_flow(executor, title=title)


def _answer(executor: Executor, summary: Summary, expressions: Sequence[str]) -> dict[str, Any]:
    values: list[Any] = []
    reasons: dict[str, str] = {}
    figures = by_gate_name(summary.figures)
    for place, expression in enumerate(expressions):
        try:
            values.append(value_of(expression, figures))
        except UserError as error:
            values.append(None)
            reasons[str(place)] = error.message
    results = summary.results
    broken = {name: result for name, result in results.items() if result.state in ("failed", "cancelled")}
    return {
        "values": values,
        "reasons": reasons,
        "failed": [f"{name}: {one.error.message if one.error else one.state}" for name, one in broken.items()],
        "missed": [f"{gate.expression}: {gate.detail}" for gate in summary.gates if not gate.held],
        "artifacts": {name: _artifacts(executor, result) for name, result in results.items() if result.action},
        "made": sum(result.state == "done" for result in results.values()),
    }


def _artifacts(executor: Executor, result: NodeResult) -> dict[str, dict[str, str]]:
    found = {}
    for port, digest in result.action.outputs.items() if result.action else ():
        kind = result.node.output_kinds[port]
        artifact = executor.store.get(digest, kind)
        found[port] = {"kind": object_name(kind), "path": str(artifact.path), "digest": digest}
    return found


def measures(use: PipelineUse) -> bool:
    """Tell whether a pipeline's results depend on the machine that they are measured on."""
    return any(node.stage.measures for one in use.variants for node in one.nodes.values())
