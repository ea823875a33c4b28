"""The Prefect API that is configured: found, and answering."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
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
        UserError: there is no API, it can't be reached, or it refuses what is asked of it, now or later.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise missing
    try:
        with get_client(sync_client=True) as client:
            problem = client.api_healthcheck()
            if isinstance(problem, httpx.HTTPStatusError):
                raise problem
            if problem is not None:
                raise UserError(f"Prefect's API at {url} can't be reached: {problem}", hint=hint)
            try:
                client.api_version()
            except ValueError as error:  # a page: the server's UI, or something else
                raise UserError(
                    f"what answers at {url} is not Prefect's API", hint="does its URL end in /api?"
                ) from error
            yield client
    except httpx.HTTPStatusError as error:
        raise refused(error) from error
    except httpx.HTTPError as error:
        raise UserError(f"Prefect's API at {url} can't be reached: {error}", hint=hint) from error


def refused(error: httpx.HTTPStatusError) -> UserError:
    """Return what to tell of an API that answers, but doesn't do what it is asked."""
    answer, place = error.response, f"Prefect's API at {PREFECT_API_URL.value()}"
    status = f"{answer.status_code} {answer.reason_phrase}".rstrip()
    if answer.status_code in (401, 403):
        hint = (
            "set PREFECT_API_AUTH_STRING (USER:PASSWORD, a server of one's own) or PREFECT_API_KEY (Prefect Cloud) to "
            "what it expects; `prefect config view` shows whether they are set"
        )
        return UserError(f"{place} refuses the credentials ({status})", hint=hint)
    hint = (
        "does PREFECT_API_URL end in /api?" if answer.status_code == 404 else "the log of Prefect's server tells more"
    )
    return UserError(f"{place} answers {status}: {detail(answer)}", hint=hint)


def detail(answer: httpx.Response) -> str:
    """Return why the API refused, in its own words."""
    try:
        told = answer.json()["detail"]
    except (ValueError, LookupError, TypeError):
        told = answer.text
    return str(told)[:500]
