"""Errors that reach the user as one message (DESIGN.md, "Errors")."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgesmithError(Exception):
    """Base of every handled error: printed as a message, never as a traceback.

    Args:
        message: what happened, where, and what was expected.
        hint: what to do next; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UserError(EdgesmithError):
    """The user can mend it: a wrong name, value, file, dataset or environment."""


class StageFailed(EdgesmithError):
    """A stage could not do its work: a conversion or a parity check failed, a process died."""


class RuntimeUnavailable(EdgesmithError):
    """A runtime cannot run on this machine; `message` is the reason, fit for a table cell."""


class Cancelled(EdgesmithError):
    """The run was interrupted; nothing half-made was published."""

    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to `name`, or None if none is close."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Phrase the end of a message about a name that isn't known: the nearest one, or nothing if none is close."""
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else ""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Phrase an unknown-name message: the name, the nearest one, and all known ones."""
    names = sorted(known)
    listed = ", ".join(names) if names else "none"
    return f"unknown {what} {name!r}{suggestion(name, names)} (known: {listed})"
