"""One clear message for whatever a converter raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgesmith.errors import EdgesmithError, StageFailed

_OPS = (
    re.compile(r"'([a-z]\w*\.[\w.]+)' op"),  # MLIR
    re.compile(r"\b(?:torch\.ops\.)?((?:aten|prims)[.:]+[\w.]*\w)"),
    re.compile(r"\bfor op '([\w.]+)'"),
    re.compile(r"\bfx node ([\w.]+)"),
)
_PACKAGES = re.compile(r"\S*(?:site|dist)-packages/")
_NOISE = re.compile(r"^(Traceback|While executing|Original traceback|File |\[|\s*$)")


@contextmanager
def converting(
    tool: str, what: str, hint: str, telling: Callable[[BaseException], str] | None = None
) -> Iterator[None]:
    """Turn what a converter raises inside the block into StageFailed, naming the operator at fault.

    Args:
        tool: the converter's name.
        what: what it was to make, e.g. "a TFLite model".
        hint: what to try next.
        telling: picks the line of the deepest error that tells most; the first one, if not given.
    """
    try:
        yield
    except EdgesmithError:
        raise
    except Exception as error:  # converters raise anything, bare RuntimeError and ValueError included
        chain = list(_chain(error))
        operator = next((op for one in reversed(chain) if (op := blamed_op(str(one)))), None)
        at = f" at the operator {operator}" if operator else ""
        raise StageFailed(
            f"{tool} could not make {what}{at}: {(telling or first_line)(chain[-1])}", hint=hint
        ) from error


def blamed_op(text: str) -> str | None:
    """Return the operator that a converter's message names, or None."""
    for pattern in _OPS:
        found = pattern.search(text)
        if found:
            return found.group(1).rstrip(".")
    return None


def first_line(error: BaseException) -> str:
    """Return the first telling line of an error, with the host's paths cut from it, and at most 400 characters."""
    lines = [line.strip() for line in str(error).splitlines() if not _NOISE.match(line)]
    text = _PACKAGES.sub("", lines[0]) if lines else ""
    return (text or type(error).__name__)[:400]


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__
