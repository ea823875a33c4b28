"""`edgesmith` with a clock: RESULT ARGUMENTS. Writes when each part of a run began, on the system's monotonic clock.

The command is the one that users run; only names in its modules are wrapped, so that the order of things stays.
"""

from __future__ import annotations

import atexit
import json
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

marks: dict[str, Any] = {"interpreter": time.monotonic(), "ends": []}


def mark(name: str) -> None:
    """Note the time at which something happened first."""
    marks.setdefault(name, time.monotonic())


def around(module: Any, name: str, before: str = "", after: str = "") -> None:
    """Have a function of a module note when it was called and when it returned."""
    inner: Callable[..., Any] = getattr(module, name)

    def outer(*arguments: Any, **named: Any) -> Any:
        if before:
            mark(before)
        try:
            return inner(*arguments, **named)
        finally:
            if after:
                mark(after)

    setattr(module, name, outer)


class AtImport:
    """Wraps functions of two modules as soon as these are imported, which is when the command gets to them."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        wrap = _WRAPPERS.get(name)
        spec = PathFinder.find_spec(name, path) if wrap else None
        if wrap is None or spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            mark(f"{name} begun")
            load(module)
            mark(f"{name} imported")
            wrap(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _wrap_session(module: ModuleType) -> None:
    around(module, "open_session", before="planning")
    around(module, "plan_session", after="planned")


def _wrap_flow(module: ModuleType) -> None:
    around(module, "run_nodes", before="body")
    around(module, "wait", after="nodes")
    around(module, "run_flow", after="flow")
    executor: Any = module.Executor
    end = executor.end

    def ended(self: Any, result: Any) -> Any:
        marks["ends"].append(time.monotonic())
        return end(self, result)

    executor.end = ended


_WRAPPERS = {"edgesmith_flows.session": _wrap_session, "edgesmith_flows.prefect_flow": _wrap_flow}


def main() -> None:
    """Run the command line."""
    result = Path(sys.argv.pop(1))

    def write() -> None:
        mark("drained")
        result.write_text(json.dumps(marks), encoding="utf-8")

    # The first to register is the last to be called: after Prefect's.
    atexit.register(write)
    sys.meta_path.insert(0, AtImport())
    sys.argv[0] = "edgesmith"
    from edgesmith_flows.cli import start

    start.main()


if __name__ == "__main__":
    main()
