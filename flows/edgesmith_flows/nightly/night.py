"""One night: every pipeline runs, and is held against its baseline."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgesmith.errors import EdgesmithError, UserError, suggestion
from edgesmith_flows.document import parse_document
from edgesmith_flows.figures.table import FigureTable, RunFigures
from edgesmith_flows.history import Run, runs
from edgesmith_flows.nightly.document import Entry, NightlyDocument
from edgesmith_flows.nightly.measured import judge_measured
from edgesmith_flows.nightly.verdict import Verdict
from edgesmith_flows.nightly.versus import judge_runs
from edgesmith_flows.registry import load_registry
from edgesmith_flows.session import load_pipeline
from edgesmith_flows.settings import Settings, find_pipeline
from edgesmith_flows.store import Store
from edgesmith_flows.tags import Tag, set_tags, tags
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.yaml_source import PipelineError, load_yaml

RunOne = Callable[[Entry, Callable[[str], None]], object]

_PARTS = {"ok", "tag", "pipelines"}
_HELD = {"pipeline", "run", "verdicts"}


@dataclass(frozen=True)
class PipelineNight:
    """What came of one pipeline.

    Attributes:
        run: the name of tonight's record; empty where it wrote none.
        baseline: the name of the baseline's record; empty where there is no baseline.
    """

    pipeline: str
    run: str
    baseline: str
    verdicts: tuple[Verdict, ...]

    @property
    def regressions(self) -> list[Verdict]:
        """The verdicts that raise the alarm."""
        return [one for one in self.verdicts if one.outcome == "regressed"]


@dataclass(frozen=True)
class Night:
    """What came of a night."""

    nightly: str
    tag: str
    begun: float
    seconds: float
    pipelines: tuple[PipelineNight, ...]

    @property
    def regressions(self) -> list[tuple[str, Verdict]]:
        """All regressions, with their pipelines."""
        return [(one.pipeline, verdict) for one in self.pipelines for verdict in one.regressions]

    @property
    def ok(self) -> bool:
        """Whether nothing got worse."""
        return not self.regressions


def hold_night(
    document: NightlyDocument,
    settings: Settings,
    run_one: RunOne,
    tell: Callable[[str], None] = lambda _: None,
) -> Night:
    """Run every pipeline of a nightly, hold each against its baseline, and keep the record.

    Args:
        run_one: runs a pipeline, writes its run record, and calls back with that record's name: others may run the
            same pipeline on the store meanwhile. A failure of it is told as one, and the night goes on.
        tell: told what goes on.

    Raises:
        UserError: one of the pipelines has a mistake in it; nothing was run.
    """
    begun = time.time()
    store = Store.open(settings.store)
    for entry in document.nightly.pipelines:  # all, before the first one takes hours
        _check(document, entry, settings, store)
    with store.lease():  # of runs that end from now on, a collection takes neither records nor results
        nights = tuple(_nights(document, settings, store, run_one, tell))
        night = Night(document.name, document.nightly.baseline, begun, time.time() - begun, nights)
        write_night(store, night)
    return night


def _check(document: NightlyDocument, entry: Entry, settings: Settings, store: Store) -> None:
    try:
        pipeline, _ = load_pipeline(entry.name, settings, entry.set)
    except PipelineError:
        raise  # it names a file and its lines
    except UserError as error:
        told = error.message.removeprefix("--set ")
        raise UserError(f"the nightly {document.name!r}, {entry.name}: set: {told}", hint=error.hint) from error
    if (baseline := baseline_of(store, document.nightly.baseline, pipeline.name)) is not None:
        with FigureTable(store) as table:
            _figures_of(table, baseline)


def _figures_of(table: FigureTable, baseline: Tag) -> RunFigures:
    try:
        return table.run(baseline.run)
    except KeyError as error:
        command = f"edgesmith baseline set {baseline.pipeline} --name {baseline.name}"
        raise UserError(
            f"the baseline of {baseline.pipeline} is {error}, a run that the store doesn't know",
            hint=f"`{command}` makes the newest run the baseline",
        ) from error


def _nights(
    document: NightlyDocument,
    settings: Settings,
    store: Store,
    run_one: RunOne,
    tell: Callable[[str], None],
) -> Iterator[PipelineNight]:
    for entry in document.nightly.pipelines:
        pipeline = parse_document(load_yaml(find_pipeline(entry.name)))
        written: list[str] = []
        failure = ""
        try:
            run_one(entry, written.append)
        except EdgesmithError as error:
            if error.exit_code == 130:
                raise
            failure = error.message.splitlines()[0]
        run = next((run for run in runs(store, pipeline.name) if run.name in written), None)
        baseline = baseline_of(store, document.nightly.baseline, pipeline.name)
        yield _held(document, settings, store, pipeline.name, pipeline.plugins, run, baseline, failure, tell)


def baseline_of(store: Store, tag: str, pipeline: str) -> Tag | None:
    """Return a pipeline's baseline: the tag `TAG.PIPELINE`, or `TAG` where that is of this pipeline."""
    known = {one.name: one for one in tags(store)}
    found = known.get(f"{tag}.{pipeline}") or known.get(tag)
    return found if found is not None and found.pipeline == pipeline else None


def _held(
    document: NightlyDocument,
    settings: Settings,
    store: Store,
    pipeline: str,
    plugins: Iterable[str],
    run: Run | None,
    baseline: Tag | None,
    failure: str,
    tell: Callable[[str], None],
) -> PipelineNight:
    rules = document.nightly.rules
    if run is None:
        lost = Verdict(pipeline, "node", "regressed", detail=failure or "it wrote no run record")
        return PipelineNight(pipeline, "", baseline.run if baseline else "", (lost,))
    with FigureTable(store) as table:
        after = table.run(run.name)
        before = _figures_of(table, baseline) if baseline else None
        found = judge_runs(store, table, before, after, rules=rules.figure_rules(), warnings=rules.warnings)
        rule = rules.latency_rule()
        if before is not None and rule is not None:
            registry = load_registry(dict.fromkeys([*settings.plugins, *plugins]), Path.cwd())
            found += judge_measured(store, table, before, after, rule, registry, Toolchains(), tell)
    return PipelineNight(pipeline, run.name, baseline.run if baseline else "", tuple(found))


def write_night(store: Store, night: Night) -> Path:
    """Keep a night's record."""
    stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(night.begun))}.{round(night.begun % 1 * 1e6):06}"
    file = store.root / "nights" / f"{stamp}-{night.nightly}.json"
    store.write(file, json.dumps({"ok": night.ok, **asdict(night)}, indent=1).encode() + b"\n")
    return file


def newest_night(store: Store, nightly: str) -> Mapping[str, Any]:
    """Return the newest record of a nightly.

    Raises:
        UserError: there is none, or it can't be read: an older one may be another verdict.
    """
    known = sorted((store.root / "nights").glob("*.json"), reverse=True)
    file = next((one for one in known if one.stem.partition("-")[2] == nightly), None)
    if file is None:
        guess = suggestion(nightly, {one.stem.partition("-")[2] for one in known})
        hint = f"`edgesmith nightly {nightly}` makes one"
        raise UserError(f"the store knows no night of {nightly!r}{guess}", hint=hint)
    try:
        record = dict(json.loads(file.read_text(encoding="utf-8")))
        if not (record.keys() >= _PARTS and all(one.keys() >= _HELD for one in record["pipelines"])):
            raise ValueError("it is no night's record")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        hint = f"remove the file to have the night before, or `edgesmith nightly {nightly}` makes a new one"
        raise UserError(f"the record {file} can't be read: {error}", hint=hint) from error
    return record


def promote(store: Store, nightly: str, *, anyway: bool = False) -> list[Tag]:
    """Make the newest night's runs the baseline.

    Raises:
        UserError: something had got worse in it (unless `anyway`), or a pipeline didn't run.
    """
    record = newest_night(store, nightly)
    if not record["ok"] and not anyway:
        worse = sum(v["outcome"] == "regressed" for one in record["pipelines"] for v in one["verdicts"])
        raise UserError(
            f"{worse} regressions stand in the newest night of {nightly!r}",
            hint="give --anyway to make it the baseline nevertheless",
        )
    by_name = {run.name: run for run in runs(store)}
    lost = [one["pipeline"] for one in record["pipelines"] if one["run"] not in by_name]
    if lost:
        raise UserError(f"the newest night of {nightly!r} has no run of {', '.join(lost)}")
    return set_tags(store, {f"{record['tag']}.{one['pipeline']}": by_name[one["run"]] for one in record["pipelines"]})
