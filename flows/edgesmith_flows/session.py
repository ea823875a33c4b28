"""One call's whole set-up, from a pipeline's name to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesmith.errors import UserError, unknown
from edgesmith_flows.action import Action
from edgesmith_flows.document import parse_document
from edgesmith_flows.identity import Identities
from edgesmith_flows.machines import Machines
from edgesmith_flows.pipeline import Node, Pipeline
from edgesmith_flows.plan import Plan, make_plan
from edgesmith_flows.registry import Registry, load_registry
from edgesmith_flows.resolve import resolve
from edgesmith_flows.settings import Settings, find_pipeline
from edgesmith_flows.store import Store
from edgesmith_flows.subpipelines import Opener
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.yaml_source import YamlSource, load_yaml

if TYPE_CHECKING:
    from edgesmith_flows.remote import Remote


@dataclass(frozen=True)
class Session:
    """A pipeline with everything that planning and running it needs.

    Attributes:
        remote_url: the shared store behind the local one, if any.
        text: the pipeline file's text.
        overrides: `--set` values.
        plugins: local plugin modules of the project, besides those that the pipeline names.
    """

    pipeline: Pipeline
    registry: Registry
    store: Store
    identities: Identities
    remote_url: str | None = None
    text: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()

    @cached_property
    def remote(self) -> Remote | None:
        """The shared store, opened when first asked for: its libraries take a second to load."""
        if self.remote_url is None:
            return None
        from edgesmith_flows.remote import Remote

        return Remote(self.remote_url)


def load_pipeline(
    name: str, settings: Settings, overrides: Mapping[str, Any] | None = None
) -> tuple[Pipeline, Registry]:
    """Find, read and check a pipeline."""
    return _checked(load_yaml(find_pipeline(name)), settings.plugins, overrides or {}, Path.cwd())


def _checked(
    source: YamlSource, plugins: Iterable[str], overrides: Mapping[str, Any], folder: Path
) -> tuple[Pipeline, Registry]:
    document = parse_document(source)
    local = tuple(dict.fromkeys([*plugins, *document.plugins]))
    registry = load_registry(local, folder)
    return resolve(source, registry, overrides, document, Opener(registry, local, folder)), registry


def open_session(
    name: str,
    settings: Settings,
    overrides: Mapping[str, Any] | None = None,
    *,
    offline: bool = False,
    instead: Sequence[str] = (),
) -> Session:
    """Check a pipeline and open the store; nothing heavy is imported."""
    return session_of(
        load_yaml(find_pipeline(name)),
        store=settings.store,
        plugins=settings.plugins,
        overrides=overrides or {},
        remote=settings.remote,
        offline=offline,
        instead=instead,
    )


def session_of(
    source: YamlSource,
    *,
    store: Path,
    plugins: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
    remote: str | None = None,
    offline: bool = False,
    instead: Sequence[str] = (),
    folder: Path | None = None,
) -> Session:
    """Check a pipeline that was read and open its stores.

    Args:
        instead: requirements that stand in the place of what stages declare, such as `onnx==1.21`.
        folder: where local plugin modules are looked for; the working directory by default.
    """
    pipeline, registry = _checked(source, plugins, overrides or {}, folder or Path.cwd())
    opened = Store.open(store)
    machines = Machines(opened.root / "machines", opened.root / "tmp")
    identities = Identities(
        registry, Toolchains(offline=offline, instead=instead), opened.memo(), pipeline.seed, machines
    )
    if instead:
        from edgesmith_flows.toolchains.instead import check_instead

        check_instead(instead, [one for node in pipeline.nodes.values() for one in identities.wanted(node)])
    return Session(pipeline, registry, opened, identities, remote, source.text, overrides or {}, tuple(plugins))


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

    def look(node: Node, key: str) -> Action | None:
        return session.remote.peek(key, node.gives) if session.remote else None

    plan = make_plan(session.pipeline, session.store, session.identities, only=wanted, force=forced, remote=look)
    session.identities.memo.save()
    return plan, forced


def fetch(session: Session, plan: Plan) -> Plan:
    """Bring here what a plan found on the remote store; return the plan that holds then."""
    if not any(step.remote for step in plan.steps.values()) or session.remote is None:
        return plan
    for step in plan.steps.values():
        if step.remote and step.key is not None:
            session.remote.pull_action(session.store, step.key, step.node.gives)
    forced = {name for name, step in plan.steps.items() if step.reasons == ("forced",)}
    return make_plan(session.pipeline, session.store, session.identities, only=set(plan.steps), force=forced)


def _named(pipeline: Pipeline, names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        matching = pipeline.matching(name)
        if not matching:
            raise UserError(unknown("node", name, pipeline.nodes))
        found.extend(matching)
    return found
