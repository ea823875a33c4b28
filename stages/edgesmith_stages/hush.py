"""Keep chatty libraries quiet for a while."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def hushed(*loggers: str) -> Iterator[None]:
    """Swallow what is printed to either stream, and warnings on the named loggers and on the root logger itself.

    Quantisers print tables and progress bars, and warn on the root logger once per layer. Named loggers that aren't
    listed, a stage's own among them, are heard as before; so is what native code writes.
    """
    quieted = [logging.getLogger(), *(logging.getLogger(name) for name in loggers)]
    for logger in quieted:
        logger.addFilter(_is_error)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for logger in quieted:
            logger.removeFilter(_is_error)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
