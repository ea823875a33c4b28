"""What a run needs outside of Python: Prefect's API, the store, room on the disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from edgesmith.errors import UserError
from edgesmith_flows.doctor import Finding, State
from edgesmith_flows.files import size_below
from edgesmith_flows.lease import census
from edgesmith_flows.store import FORMAT, Store

SCARCE = 2 * 2**30
"""Less free disk than this, in bytes, is told; a twentieth of it stops runs."""

_PATIENCE = 5.0


def prefect() -> Iterator[Finding]:
    """Look at the Prefect API that runs use."""
    version = metadata.version("prefect")
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        yield Finding("prefect", "API", "ok", f"none is configured: each run starts its own server, Prefect {version}")
        return
    try:
        found = _asked(url)
    except UserError as error:
        yield Finding("prefect", "API", "broken", error.message, error.hint or "")
        return
    same = found.split(".")[:2] == version.split(".")[:2]
    hint = "" if same else "let both have the same version"
    yield Finding("prefect", "API", "ok" if same else "note", f"{url}: Prefect {found}; here is {version}", hint)


def _asked(url: str) -> str:
    """Ask the configured API for its version; raise UserError where it gives none."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from edgesmith_flows.prefect_api import refused

    try:
        with (
            temporary_settings({PREFECT_API_REQUEST_TIMEOUT: _PATIENCE, PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True) as client,
        ):
            problem = client.api_healthcheck()
            if problem is not None:
                raise problem
            return str(client.api_version())
    except httpx.HTTPStatusError as error:
        raise refused(error) from error
    except Exception as error:  # the client has many ways to say no
        hint = "start it, or unset PREFECT_API_URL (see `prefect config view`): a run then starts a server of its own"
        raise UserError(f"{url} does not answer: {type(error).__name__}: {error}", hint=hint) from error


def store(root: Path) -> Iterator[Finding]:
    """Look at the store, and leave it as it is; `edgesmith cache verify` reads every file."""
    if not root.exists():
        yield Finding("store", "folder", "ok", f"{root}: none yet; the first run makes it")
        return
    marker = root / "FORMAT"
    found = marker.read_text(encoding="utf-8").strip() if marker.is_file() else None
    if found != FORMAT:
        told = "is not a store" if found is None else f"has format {found!r}; this edgesmith reads {FORMAT!r}"
        yield Finding(
            "store", "folder", "broken", f"{root} {told}", "choose another folder: --store or EDGESMITH_STORE"
        )
        return
    writable = os.access(root / "tmp", os.W_OK)
    told = f"{root}: format {found}{'' if writable else ', and can not be written'}"
    hint = "" if writable else "mend its permissions, or choose another folder"
    yield Finding("store", "folder", "ok" if writable else "broken", told, hint)
    yield from _content(Store(root))


def _content(opened: Store) -> Iterator[Finding]:
    digests = list(opened.artifacts())
    unsound = [one for one in digests if not opened.has(one)]
    size = size_below(opened.root / "artifacts")
    told = f"{len(digests)} artifacts, {size / 1e6:,.1f} MB, {len(list(opened.keys()))} results"
    yield Finding("store", "content", "ok", told)
    if unsound:
        hint = "`edgesmith cache verify` looks at all; a run makes again what it needs"
        yield Finding("store", "damaged", "broken", f"the manifests of {', '.join(d[:12] for d in unsound)}", hint)
    aside = opened.root / "damaged"
    count = sum(1 for _ in aside.iterdir()) if aside.is_dir() else 0
    if count:
        yield Finding(
            "store", "set aside", "note", f"{count} damaged artifacts in {aside}", "look at them, and remove them"
        )
    live, dead = census(opened.root / "leases")
    left = f", {dead} of killed runs, which the next run clears" if dead else ""
    yield Finding("store", "leases", "ok", f"{live} of running pipelines{left}")


def disks(places: Mapping[str, Path]) -> Iterator[Finding]:
    """Look at the room on the disk of each place, one finding a disk."""
    held: dict[int, tuple[list[str], Path]] = {}
    for name, place in places.items():
        there = next(one for one in (place, *place.parents) if one.exists())
        held.setdefault(there.stat().st_dev, ([], there))[0].append(name)
    for names, place in held.values():
        usage = shutil.disk_usage(place)
        told = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB free"
        scarce = usage.free < SCARCE
        hint = "make room: `edgesmith cache gc`, `edgesmith toolchain rm --unused-days 30`" if scarce else ""
        state: State = "broken" if usage.free < SCARCE // 20 else "note" if scarce else "ok"
        yield Finding("disk", ", ".join(names), state, told, hint)
