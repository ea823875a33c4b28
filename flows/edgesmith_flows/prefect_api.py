"""The Prefect API that is configured: found, and answering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL

from edgesmith.errors import UserError


@contextlib.contextmanager
def connected(missing: UserError, hint: str) -> Iterator[SyncPrefectClient]:
    """Open a client of the configured API.

    Args:
        missing: what to raise where none is configured.
        hint: what to do where it doesn't answer.

    Raises:
        UserError: there is no API, or it can't be reached.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise missing
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
        if problem is not None:
            raise UserError(f"Prefect's API at {url} can't be reached: {problem}", hint=hint)
        try:
            client.api_version()
        except ValueError as error:  # a page: the server's UI, or something else
            raise UserError(f"what answers at {url} is not Prefect's API", hint="does its URL end in /api?") from error
        yield client
