"""Which runs are kept, and which records of runs and nights, and pages about runs, may go.

A night keeps the runs that it held, so that it can still be promoted; a tag keeps its run. What ended since the oldest
running pipeline or nightly began is never old: somebody may be about to read it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgesmith.errors import UserError
from edgesmith_flows.figures.table import FigureTable
from edgesmith_flows.history import Run, nights, runs
from edgesmith_flows.store import Store
from edgesmith_flows.tags import tags

DAY = 86_400.0
STRAY_DAYS = 7.0
"""How long what belongs to no run stays where no number of days is given."""


@dataclass(frozen=True)
class Policy:
    """What may go. Tags and running pipelines always keep what they need.

    Attributes:
        keep_days: results that no run made or found for this long may go, and runs that ended before that.
        keep_runs: all but the newest runs of any pipeline, and nights of any nightly, may go, and results that none of
            them made or found; of a run without a record (it was interrupted) they stay for `STRAY_DAYS`. With
            `keep_days`, a run or a result stays if either keeps it.
        max_size: bytes; then results unused for longest go too, until the store fits.
        keep_records: days for which records and pages stay although the results of their runs may go.
    """

    keep_days: float | None = None
    keep_runs: int | None = None
    max_size: int | None = None
    keep_records: float | None = None

    @property
    def limits_results(self) -> bool:
        """Whether results may go for their age, or because no run is left that has them."""
        return self.keep_days is not None or self.keep_runs is not None

    @property
    def limits_records(self) -> bool:
        """Whether records of runs may go."""
        return self.limits_results or self.keep_records is not None


@dataclass
class Records:
    """What becomes of the records.

    Attributes:
        kept: runs whose results stay.
        running: those of them that ended since the oldest running pipeline or nightly began.
        told: by key that any run has, kept or not, when the last of these runs ended.
        going: files of records and pages that may go.
        unindexed: how many records stay because their figures can't be taken into the table.
    """

    kept: list[Run]
    running: list[Run]
    told: Mapping[str, float]
    going: list[Path] = field(default_factory=list)
    unindexed: int = 0


def choose_records(store: Store, policy: Policy, now: float, horizon: float) -> Records:
    """Choose the runs that are kept, and the records and pages that may go.

    Args:
        horizon: when the oldest running pipeline or nightly began; `now` where there is none.
    """
    known, held = list(runs(store)), list(nights(store))
    indexed = _indexed(store)

    def young(days: float | None, ended: float) -> bool:
        return ended >= horizon or (days is not None and now - ended <= days * DAY)

    def stay(days: float | None) -> tuple[set[str], set[str]]:
        """Names of runs and of nights that stay if what is younger than `days` does."""
        kept_nights = _newest(((one.nightly, one.name) for one in held), policy.keep_runs)
        kept_nights |= {one.name for one in held if young(days, one.ended)}
        kept_runs = {tag.run for tag in tags(store)}
        kept_runs |= _newest(((run.pipeline, run.name) for run in known), policy.keep_runs)
        kept_runs |= {run.name for run in known if young(days, run.ended)}
        kept_runs |= {name for one in held if one.name in kept_nights for name in one.runs}
        return kept_runs, kept_nights

    results_of, _ = stay(policy.keep_days)
    told: dict[str, float] = {}
    for run in known:
        told.update({key: max(run.ended, told.get(key, 0.0)) for key in run.keys})
    found = Records(
        [run for run in known if run.name in results_of], [run for run in known if run.ended >= horizon], told
    )
    if not policy.limits_records:
        return found
    days = [one for one in (policy.keep_days, policy.keep_records) if one is not None]
    kept_runs, kept_nights = stay(max(days, default=None))

    def strays(folder: str, pattern: str, kept: set[str], read: set[str]) -> Iterator[Path]:
        """Files of what isn't kept; those that can't be read, or belong to no run, when they are old themselves."""
        for file in sorted((store.root / folder).glob(pattern)):
            if file.stem not in kept and (
                file.stem in read or not young(max(days, default=STRAY_DAYS), file.stat().st_mtime)
            ):
                yield file

    records = list(strays("runs", "*.json", kept_runs, {run.name for run in known}))
    lost = {run.name for run in known} - indexed
    found.unindexed = sum(file.stem in lost for file in records)
    found.going += [file for file in records if file.stem not in lost]
    found.going += strays("nights", "*.json", kept_nights, {one.name for one in held})
    found.going += strays("reports", "*.html", kept_runs, {run.name for run in known})
    return found


def _newest(found: Iterable[tuple[str, str]], count: int | None) -> set[str]:
    """Return the newest names of each pipeline or nightly, out of pairs of these two, newest first."""
    seen: Counter[str] = Counter()
    names = set()
    for series, name in found:
        seen[series] += 1
        if seen[series] <= (count or 0):
            names.add(name)
    return names


def _indexed(store: Store) -> set[str]:
    """Take all runs' figures into the table, which outlives the records; return the runs that it has.

    A table that can't be written, as on a full disk, keeps the records that it lacks, and nothing else.
    """
    with contextlib.suppress(UserError, sqlite3.Error, OSError), FigureTable(store) as table:
        return set(table.names())
    return set()
