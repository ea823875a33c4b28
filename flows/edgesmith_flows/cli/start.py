"""The console script: lets bytecode be written, then runs the command line."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run `edgesmith`.

    Where PYTHONDONTWRITEBYTECODE is set in a fresh environment, this process and each one that it starts would compile
    its libraries again: a run with nothing to do would take a second more, torch several.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Nothing that start-up and planning make is garbage; a run that has work to do enables it again.
    gc.disable()
    # Pydantic would look through every installed distribution for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from edgesmith_flows.cli.main import main as run

    try:
        run()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    _leave(code)


def _leave(code: object) -> None:
    """End the process, at once where nothing waits for the end: taking all modules down would take a fifth of the time.

    Prefect sends its last events when the interpreter ends, and other threads may be at work.
    """
    threads = sys.modules.get("threading")
    if isinstance(code, int) and "prefect" not in sys.modules and (threads is None or threads.active_count() == 1):
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    gc.freeze()  # what is left needs no collecting any more
    sys.exit(code)  # type: ignore[arg-type]
