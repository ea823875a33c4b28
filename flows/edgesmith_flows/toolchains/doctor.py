"""Is an isolated environment still what it was built to be?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from edgesmith.errors import UserError
from edgesmith_flows.toolchains.build import installed, quiet_environment, uv
from edgesmith_flows.toolchains.inventory import Built
from edgesmith_flows.toolchains.record import Record, interpreter
from edgesmith_flows.toolchains.requirements import PYTHON, parse_requirements

_IMPORT = """
import importlib, importlib.metadata as m, sys
tops = {}
for top, names in m.packages_distributions().items():
    for name in names:
        tops.setdefault(name.lower().replace("_", "-").replace(".", "-"), []).append(top)
for name in sys.argv[1:]:
    for top in sorted(tops.get(name, [])):
        if top.isidentifier() and not top.startswith("_"):
            try:
                importlib.import_module(top)
            except BaseException as error:
                print(f"{name}: import {top} fails: {type(error).__name__}: {str(error)[:200]}", flush=True)
"""


def problems(built: Built) -> Iterator[str]:
    """Yield what is wrong with an environment: an interpreter or versions gone, broken pins, failing imports."""
    record = built.record
    if record is None:
        python = interpreter(built.folder)
        gone = f"its interpreter {python} is gone"
        yield "it has no toolchain.json that this version of edgesmith can read" if python.exists() else gone
        return
    try:
        now = installed(built.folder)
    except UserError as error:
        yield f"its interpreter does not run: {error.message}"
        return
    if now[PYTHON] != record.python:
        yield f"it was built on Python {record.python}, and is on {now[PYTHON]}"
    yield from _changes(dict(record.freeze), now["freeze"])
    yield from _broken_pins(built, record)
    yield from _failing_imports(built, record)


def _changes(then: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield f"{name}: {then.get(name, 'not installed')} when it was built, {now.get(name, 'not installed')} now"


def _broken_pins(built: Built, record: Record) -> Iterator[str]:
    """Yield what `uv pip check` finds, but for the pins that the toolchain itself overrides."""
    command = [uv(), "pip", "check", "--no-config", "--python", str(interpreter(built.folder))]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(quiet_environment()), check=False)
    if done.returncode == 0:
        return
    overridden = {f"`{one.name}" for one in parse_requirements(record.toolchain.overrides)}
    for line in done.stderr.splitlines():
        wanted = line.partition(" requires ")[2]
        if wanted and not any(wanted.startswith(name) for name in overridden):
            yield line.strip()


def _failing_imports(built: Built, record: Record) -> Iterator[str]:
    names = [name for name in record.versions if name != PYTHON]
    command = [str(interpreter(built.folder)), "-I", "-c", _IMPORT, *names]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(quiet_environment()), check=False)
    yield from (line for line in done.stdout.splitlines() if " fails: " in line)
    if done.returncode:
        yield f"importing {', '.join(names)} ends the process (exit {done.returncode})"
