"""Tell whose code failed: what a plugin raises while a pipeline is planned names the plugin, not edgesmith."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from edgesmith.errors import EdgesmithError

T = TypeVar("T")


class PluginFailed(EdgesmithError):
    """A plugin's own code raised something that it should have handled, or gave what it may not give."""


@contextlib.contextmanager
def blamed(who: str, origin: str, doing: str) -> Iterator[None]:
    """Turn what a plugin's code raises into a PluginFailed; an EdgesmithError is the plugin's own message, and passes.

    Args:
        who: `stage 'acme-stamp'`, `target 'lab'`...
        origin: its distribution and version.
        doing: the method that is called.
    """
    try:
        yield
    except EdgesmithError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise PluginFailed(
            f"{doing}() of the {who} ({origin}) failed: {type(error).__name__}: {error}{_place(error)}",
            hint="update or uninstall its distribution, or tell its authors",
        ) from error


def expect(kind: type[T], given: object) -> T:
    """Return what a plugin's method gave, or raise TypeError if it is of another type."""
    if not isinstance(given, kind):
        raise TypeError(f"it returned {given!r}; expected a {kind.__name__}")
    return given


def _place(error: Exception) -> str:
    """Return the file and line that raised, where that is not edgesmith's own."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = Path(last.filename).parent == Path(__file__).parent
    return "" if ours else f" ({Path(last.filename).name}, line {last.lineno})"
