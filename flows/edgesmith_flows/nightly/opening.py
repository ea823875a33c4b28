"""How a model of the store is loaded for a measurement, as the stage that measured it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from edgesmith.artifacts import Model
from edgesmith.errors import RuntimeUnavailable
from edgesmith.loading import object_name
from edgesmith.process import Launch
from edgesmith.refs import TargetRef
from edgesmith.runtime import Runtime
from edgesmith.session import Session
from edgesmith.target import Target, make_target
from edgesmith.turns import Entrant, Open
from edgesmith_flows.bridge import bridge_for
from edgesmith_flows.nightly.paired import Opened
from edgesmith_flows.registry import Registry
from edgesmith_flows.toolchains import Toolchains

_IMAGES = 4
"""Distinct images to time with: enough to be no single odd one, few enough to pass quickly."""


def opened_pair(
    baseline: Model,
    tonight: Model,
    registry: Registry,
    toolchains: Toolchains,
    *,
    target: TargetRef | None = None,
    threads: int = 1,
    log: Callable[[str], None] = lambda _: None,
) -> Opened:
    """Return how two models are loaded and fed: each in its runtime on the target, on its own golden images.

    Args:
        log: told of environments that are built.

    Raises:
        RuntimeUnavailable: nothing here runs one of them.
    """
    ref = target or TargetRef(name="host")
    place = make_target(registry.find("target", registry.targets, ref.name), ref.params)
    if place.work_pool() is not None:
        raise RuntimeUnavailable(f"the target {ref.name!r} hands nodes to other machines: run the nightly there")
    first, second = (
        Entrant(_opener(model, place, registry, toolchains, threads, log), model.golden()[0][:_IMAGES])
        for model in (baseline, tonight)
    )
    runtimes = [registry.runtime_for(type(model))[0] for model in (baseline, tonight)]
    own_clock = any(runtime is not None and runtime.timed is not Runtime.timed for runtime in runtimes)
    return Opened(first, second, one_thread=threads == 1, cpu=threads == 1 and not own_clock)


def _opener(
    model: Model,
    target: Target,
    registry: Registry,
    toolchains: Toolchains,
    threads: int,
    log: Callable[[str], None],
) -> Open:
    launch = cast(Launch, None)
    if not target.own_runtime:
        runtime, reason = registry.runtime_for(type(model))
        if runtime is None:
            raise RuntimeUnavailable(reason)
        python = toolchains.build(runtime.toolchain(), log).python
        launch = Launch(runtime.name, object_name(runtime), python, bridge_for(registry))

    def load() -> Session:
        return target.open(launch, model, threads)

    return load
