"""Collect what nobody needs: results unused for long, artifacts that no key gives, old records, left-overs of tries."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgesmith.errors import UserError
from edgesmith_flows.files import size_below
from edgesmith_flows.lease import leased, oldest, sweep
from edgesmith_flows.outdated import DAY, STRAY_DAYS, Policy, choose_records
from edgesmith_flows.store import Store
from edgesmith_flows.tags import tags

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)


@dataclass
class Collected:
    """What was (or would be) removed, and what stays.

    Attributes:
        records: records of runs and nights, and pages about runs.
        unindexed: how many records stay although they may go, as the table of figures can't be written.
    """

    keys: list[str] = field(default_factory=list)
    artifacts: dict[str, int] = field(default_factory=dict)
    records: dict[Path, int] = field(default_factory=dict)
    left_overs: dict[Path, int] = field(default_factory=dict)
    kept_bytes: int = 0
    kept_artifacts: int = 0
    unindexed: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of all that goes."""
        return sum(sum(sizes.values()) for sizes in (self.artifacts, self.records, self.left_overs))


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `500MB`, `20G`, `1.5GiB`; raise UserError for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UserError(f"{text!r} is no size: expected a number with B, KB, MB, GB, TB (or KiB, MiB, GiB, TiB)")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def collect(store: Store, policy: Policy, *, dry_run: bool = False) -> Collected:
    """Remove what the policy lets go.

    Runs wait at their look-ups while this decides and moves things out of the way; deleting comes after.
    """
    with store.guarded(), store.gate.hold(alone=True):
        sweep(store.root / "leases", store.root / "tmp")
        found = _choose(store, policy, time.time())
        if dry_run:
            return found
        bin_ = Path(tempfile.mkdtemp(prefix="collected-", dir=store.root / "tmp"))
        for key in found.keys:
            store.forget(key)
        places = [*map(store.artifact_folder, found.artifacts), *found.records, *found.left_overs]
        for number, place in enumerate(places):
            with contextlib.suppress(FileNotFoundError):
                place.rename(bin_ / str(number))
    for old in (store.root / "tmp").glob("collected-*"):
        shutil.rmtree(old, ignore_errors=True)
    return found


def _choose(store: Store, policy: Policy, now: float) -> Collected:
    sizes = {digest: size_below(store.artifact_folder(digest)) for digest in store.artifacts()}
    in_use, horizon = leased(store.root / "leases"), oldest(store.root / "leases", now)
    records = choose_records(store, policy, now, horizon)
    pinned = {key for tag in tags(store) for key in tag.keys} | in_use
    pinned |= {key for run in records.running for key in run.keys}
    gives = {key: set(action.outputs.values()) for key in list(store.keys()) if (action := store.recorded(key))}
    used = {key: store.used(key) for key in gives}
    held = {key for run in records.kept for key in run.keys}
    going = _unwanted(policy, used, held, records.told, now) - pinned
    needed = Counter(digest for key in gives.keys() - going for digest in gives[key])
    going |= _too_many(store, policy, sizes, gives, needed, used, going | pinned)
    kept = {digest for key in gives.keys() - going for digest in gives[key]} | in_use
    artifacts = {digest: size for digest, size in sizes.items() if digest not in kept}
    left_overs = {place: size_below(place) for place in _left_overs(store, policy, now, horizon, in_use)}
    stays = sizes.keys() - artifacts.keys()
    return Collected(
        sorted(going),
        artifacts,
        {file: file.stat().st_size for file in records.going},
        left_overs,
        sum(sizes[digest] for digest in stays),
        len(stays),
        records.unindexed,
    )


def _unwanted(
    policy: Policy, used: Mapping[str, float], held: set[str], told: Mapping[str, float], now: float
) -> set[str]:
    """Return the keys that neither their age nor a run that is kept holds.

    Args:
        told: by key that any run has, when the last of these runs ended.
    """
    if not policy.limits_results:
        return set()

    def old(key: str) -> bool:
        if policy.keep_days is not None:
            return now - used[key] > policy.keep_days * DAY
        # Who used it after those runs left no record: a run that was interrupted, and will go on from there.
        return used[key] <= told.get(key, 0.0) or now - used[key] > STRAY_DAYS * DAY

    return {key for key in used if key not in held and old(key)}


def _too_many(
    store: Store,
    policy: Policy,
    sizes: Mapping[str, int],
    gives: Mapping[str, set[str]],
    needed: Counter[str],
    used: Mapping[str, float],
    settled: set[str],
) -> set[str]:
    """Return the keys that go so that the store fits, those unused for longest first."""
    if policy.max_size is None:
        return set()
    total = sum(sizes.get(digest, 0) for digest in needed)
    going: set[str] = set()
    for key in sorted(gives.keys() - settled, key=lambda key: (used[key], key)):
        if total <= policy.max_size:
            break
        going.add(key)
        for digest in gives[key]:
            needed[digest] -= 1
            if not needed[digest]:
                total -= sizes.get(digest, 0)
    return going


def _left_overs(store: Store, policy: Policy, now: float, horizon: float, in_use: set[str]) -> Iterable[Path]:
    """Yield damaged artifacts, checkpoints, broken transfers and logs that nobody came back to."""
    days = policy.keep_days if policy.keep_days is not None else STRAY_DAYS
    idle = horizon >= now  # workers append to logs, now and then
    for folder in ("damaged", "scratch", "tmp", *(["logs"] if idle else [])):
        for place in sorted((store.root / folder).glob("*")):
            used = place.name in in_use or (store.root / "leases" / place.name).exists()
            if not used and _touched(place) < min(horizon, now - days * DAY):
                yield place


def _touched(place: Path) -> float:
    return max(path.lstat().st_mtime for path in (place, *place.rglob("*")))
