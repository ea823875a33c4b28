"""Latency and memory of tonight's models beside the baseline's, which run again now, on this machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edgesmith.artifacts import Model
from edgesmith.errors import EdgesmithError
from edgesmith.refs import TargetRef
from edgesmith_flows.figures.table import FigureTable, RunFigures
from edgesmith_flows.nightly.latency import LatencyRule, LatencyVerdict, judge
from edgesmith_flows.nightly.opening import opened_pair
from edgesmith_flows.nightly.paired import measure_pair
from edgesmith_flows.nightly.verdict import Outcome, Verdict
from edgesmith_flows.nightly.versus import record_of, since
from edgesmith_flows.registry import Registry
from edgesmith_flows.store import Store
from edgesmith_flows.toolchains import Toolchains


@dataclass(frozen=True)
class Rival:
    """A model that a node measured in both runs.

    Attributes:
        node: the model's node; `port` its output.
        digests: of the baseline's artifact, and of tonight's.
        measured_by: the node that measured it, `target` and `threads` as it did.
    """

    node: str
    port: str
    digests: tuple[str, str]
    measured_by: str
    target: TargetRef
    threads: int

    @property
    def what(self) -> str:
        """The figure's name."""
        return f'{self.measured_by}.latency["{self.node}"]'


def rivals(store: Store, before: RunFigures, after: RunFigures) -> list[Rival]:
    """Return the models that nodes of both runs timed on a target, by what tonight's record tells."""
    record = record_of(store, after.run)
    found: dict[tuple[str, str, str, int], Rival] = {}  # what two nodes measured alike is measured once
    for name, entry in record.get("nodes", {}).items():
        action = store.recorded(entry["key"]) if entry.get("key") else None
        if action is None or "target" not in action.document or name not in before.keys:
            continue
        target = TargetRef.model_validate(entry.get("with", {}).get("target", action.document["target"]["name"]))
        threads = int(action.document.get("params", {}).get("threads", 1))
        for pairs in entry.get("needs", {}).values():
            for node, port in pairs:
                digests = before.outputs.get(node, {}).get(port), after.outputs.get(node, {}).get(port)
                if digests[0] and digests[1]:
                    rival = Rival(node, port, (digests[0], digests[1]), name, target, threads)
                    found.setdefault((node, port, target.model_dump_json(), threads), rival)
    return list(found.values())


def judge_measured(
    store: Store,
    table: FigureTable,
    before: RunFigures,
    after: RunFigures,
    rule: LatencyRule,
    registry: Registry,
    toolchains: Toolchains,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Verdict]:
    """Yield a verdict on latency and one on memory for each model.

    A model whose file is the baseline's, byte for byte, is as fast: both would run in the same runtime now.
    """
    for rival in rivals(store, before, after):
        if rival.digests[0] == rival.digests[1]:
            yield Verdict(rival.what, "latency", "same", detail="the same file")
            continue
        tell(f"{rival.what}: measuring beside the baseline's")
        try:
            verdict = _measure(store, rival, rule, registry, toolchains, tell)
        except EdgesmithError as error:
            yield Verdict(rival.what, "latency", "unsure", detail=f"not measured: {error.message.splitlines()[0]}")
            continue
        tell(f"{rival.what}: {verdict.outcome}, {verdict.told}")
        yield from verdicts(rival, verdict, _came(table, before, after, rival))


def verdicts(rival: Rival, verdict: LatencyVerdict, came: Callable[[], str]) -> Iterator[Verdict]:
    """Say what two tests, or one, mean."""
    outcome: Mapping[str, Outcome] = {"regressed": "regressed", "fine": "same", "unsure": "unsure"}
    last = verdict.tests[-1]
    latency, memory = verdict.outcome, verdict.memory_outcome
    bad = "regressed" in (latency, memory)
    told = came() if bad else ""
    yield Verdict(
        rival.what,
        "latency",
        "improved" if latency == "fine" and last.high < 1 else outcome[latency],
        after=f"x {last.ratio:.3f}",
        detail=verdict.told,
        since=told if latency == "regressed" else "",
    )
    if last.memory is not None:
        yield Verdict(
            rival.what.replace(".latency", ".memory"),
            "memory",
            outcome[memory],
            after=f"x {last.memory:.3f}",
            since=told if memory == "regressed" else "",
        )


def _came(table: FigureTable, before: RunFigures, after: RunFigures, rival: Rival) -> Callable[[], str]:
    def same_file(run: RunFigures) -> bool:
        return run.outputs.get(rival.node, {}).get(rival.port) == rival.digests[1]

    return partial(since, table, before, after, rival.node, same_file)


def _measure(
    store: Store,
    rival: Rival,
    rule: LatencyRule,
    registry: Registry,
    toolchains: Toolchains,
    tell: Callable[[str], None],
) -> LatencyVerdict:
    models = [_model(store, digest, registry) for digest in rival.digests]
    opened = opened_pair(
        models[0], models[1], registry, toolchains, target=rival.target, threads=rival.threads, log=tell
    )
    # Which order a pair has is the one thing that must not repeat from night to night.
    return judge(partial(measure_pair, opened, random.SystemRandom()), rule)


def _model(store: Store, digest: str, registry: Registry) -> Model:
    manifest: Mapping[str, Any] = store.manifest(digest)
    kind = registry.find("artifact kind", registry.kinds, str(manifest["kind"]))
    problem = store.verify(digest)
    if problem is not None or not issubclass(kind, Model):
        raise EdgesmithError(f"the artifact {digest[:12]} can't be used: {problem or 'it is no model'}")
    return kind(Path(store.artifact_folder(digest) / "files"), digest)
