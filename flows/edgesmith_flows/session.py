"""One call's whole set-up, from a pipeline's name to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesmith.errors import UserError, unknown
from edgesmith_flows.document import parse_document
from edgesmith_flows.identity import Identities
from edgesmith_flows.pipeline import Pipeline
from edgesmith_flows.plan import Plan, make_plan
from edgesmith_flows.registry import Registry, load_registry
from edgesmith_flows.resolve import resolve
from edgesmith_flows.settings import Settings, find_pipeline
from edgesmith_flows.store import Store
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.yaml_source import load_yaml


@dataclass(frozen=True)
class Session:
    """A pipeline with everything that planning and running it needs."""

    pipeline: Pipeline
    registry: Registry
    store: Store
    identities: Identities


def load_pipeline(
    name: str, settings: Settings, overrides: Mapping[str, Any] | None = None
) -> tuple[Pipeline, Registry]:
    """Find, read and check a pipeline."""
    source = load_yaml(find_pipeline(name))
    local = [*settings.plugins, *parse_document(source).plugins]
    registry = load_registry(dict.fromkeys(local), Path.cwd())
    return resolve(source, registry, overrides), registry


def open_session(
    name: str, settings: Settings, overrides: Mapping[str, Any] | None = None, *, offline: bool = False
) -> Session:
    """Check a pipeline and open the store; nothing heavy is imported."""
    pipeline, registry = load_pipeline(name, settings, overrides)
    store = Store.open(settings.store)
    identities = Identities(registry, Toolchains(offline=offline), store.memo(), pipeline.seed)
    return Session(pipeline, registry, store, identities)


def plan_session(session: Session, only: Iterable[str] = (), force: Iterable[str] = ()) -> tuple[Plan, set[str]]:
    """Plan a session's pipeline; return the plan and the names of the nodes to run in any case.

    Args:
        only: nodes (or matrix entries) to make, with all that they need; all nodes when empty.
        force: nodes (or matrix entries) to run even if cached.
    """
    chosen = _named(session.pipeline, only)
    forced = set(_named(session.pipeline, force))
    wanted = session.pipeline.closure(chosen) if chosen else None
    if wanted is not None and forced - wanted:
        raise UserError(f"--force {sorted(forced - wanted)[0]}: --only leaves this node out")
    plan = make_plan(session.pipeline, session.store, session.identities, only=wanted, force=forced)
    session.identities.memo.save()
    return plan, forced


def _named(pipeline: Pipeline, names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        matching = pipeline.matching(name)
        if not matching:
            raise UserError(unknown("node", name, pipeline.nodes))
        found.extend(matching)
    return found
