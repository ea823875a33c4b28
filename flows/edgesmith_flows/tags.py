"""Tags: runs kept by name, such as the baseline of the nightly; `cache gc` never removes what they need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgesmith.errors import UserError, suggestion, unknown
from edgesmith_flows.history import Run, read_run, runs
from edgesmith_flows.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Tag:
    """A name for a run: its record's name, its pipeline, and the keys of its nodes."""

    name: str
    run: str
    pipeline: str
    keys: tuple[str, ...]


def set_tag(store: Store, name: str, run: Run) -> Tag:
    """Give a run a name; see `set_tags`."""
    return set_tags(store, {name: run})[0]


def set_tags(store: Store, named: Mapping[str, Run]) -> list[Tag]:
    """Give runs names, all of them or none; tags of those names move.

    Raises:
        UserError: a name is not plain, or a node of a run has no result that is still in the store.
    """
    made = []
    with store.gate.hold():
        for name, run in named.items():
            _check(store, name, run)
            made.append(Tag(name, run.name, run.pipeline, tuple(run.keys)))
        for tag in made:
            body = {"run": tag.run, "pipeline": tag.pipeline, "keys": list(tag.keys)}
            store.write(_file(store, tag.name), json.dumps(body, indent=1).encode() + b"\n")
    return made


def _check(store: Store, name: str, run: Run) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for a baseline: expected letters, digits, `.`, `-` and `_`")
    lost = [node for node, entry in run.nodes.items() if not entry.get("key") or store.action(entry["key"]) is None]
    if lost:
        raise UserError(
            f"the run {run.name} can't be a baseline: {', '.join(lost[:5])} has no result in the store",
            hint=f"`edgesmith run {run.pipeline}` makes a whole one; a nightly takes the next night's",
        )


def find_tag(store: Store, name: str) -> Tag:
    """Return a tag; raise UserError with the nearest name where there is none."""
    known = {tag.name: tag for tag in tags(store)}
    if name not in known:
        hint = "`edgesmith baseline set PIPELINE --name NAME` makes one"
        raise UserError(unknown("baseline", name, known), hint=hint)
    return known[name]


def remove_tag(store: Store, name: str) -> None:
    """Remove a tag; what it kept may then be collected."""
    find_tag(store, name)
    with store.guarded():
        _file(store, name).unlink()


def tags(store: Store) -> Iterator[Tag]:
    """Yield all tags, by name.

    Raises:
        UserError: one can't be read; to go on would let `cache gc` remove what it keeps.
    """
    for file in sorted((store.root / "tags").glob("*.json")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            yield Tag(file.stem, str(found["run"]), str(found["pipeline"]), tuple(found["keys"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            hint = f"remove the file, and `edgesmith baseline set PIPELINE --name {file.stem}` makes it anew"
            raise UserError(f"the baseline {file} can't be read: {error}", hint=hint) from error


def newest_run(store: Store, pipeline: str, name: str | None = None) -> Run:
    """Return a pipeline's newest run, or the one called `name` (the start of its name is enough).

    Raises:
        UserError: there is none.
    """
    known = list(runs(store, pipeline))
    for run in known:
        if name is None or run.name.startswith(name):
            return run
    if name is None:
        guess = suggestion(pipeline, {run.pipeline for run in runs(store)})
        hint = f"`edgesmith run {pipeline}` makes one{_damaged(store)}"
        raise UserError(f"the store knows no run of {pipeline}{guess}", hint=hint)
    raise UserError(unknown(f"run of {pipeline}", name, [run.name for run in known[:20]]))


def any_run(store: Store, name: str) -> Run:
    """Return the run that `name` says: a baseline's, a pipeline's newest, or one whose name begins so.

    Raises:
        UserError: there is none, or several runs begin so.
    """
    known = list(runs(store))
    tagged = {tag.name: tag.run for tag in tags(store)}
    wanted = tagged.get(name, name)
    exact = [run for run in known if wanted in (run.name, run.pipeline)]
    if exact:
        return exact[0]
    found = [run for run in known if run.name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{len(found)} runs begin with {name!r}: {', '.join(run.name for run in found[:5])}")
    names = [*tagged, *dict.fromkeys(run.pipeline for run in known), *(run.name for run in known[:20])]
    hint = f"give a run's name, a pipeline, or a baseline's name{_damaged(store)}"
    raise UserError(unknown("run", name, dict.fromkeys(names)), hint=hint)


def _damaged(store: Store) -> str:
    """Say that records can't be read, if there are any."""
    lost = [file for file in sorted((store.root / "runs").glob("*.json")) if read_run(file) is None]
    return f"; {len(lost)} of the records can't be read: {lost[-1]}" if lost else ""


def _file(store: Store, name: str) -> Path:
    return store.root / "tags" / f"{name}.json"
