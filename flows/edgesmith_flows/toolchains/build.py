"""Build an isolated environment with uv: once, under a lock, and seen only when it is whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edgesmith import CONTRACT
from edgesmith.errors import UserError
from edgesmith.stage import Toolchain
from edgesmith_flows.toolchains.environment import BASE_REQUIREMENTS, described, platform_name
from edgesmith_flows.toolchains.record import Record, interpreter
from edgesmith_flows.toolchains.requirements import PYTHON, declared_names

OLDEST_PYTHON = (3, 11)
"""The contract, which every environment is lent, needs it."""

_BUILDING, _REMOVING = ".building-", ".removing-"
_HINTS = (
    ("No solution found", "the requirements contradict each other: loosen one, or add `overrides` to the toolchain"),
    ("No interpreter found", "install that Python (`uv python install`), or change the toolchain's `python`"),
    ("No space left on device", "make room: `edgesmith toolchain rm --unused-days 30`, `uv cache prune`"),
)
_HINT = "check the network and the requirements named above"
_ASK = """
import importlib.metadata as m, json, re, sys
names = {re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version
         for d in m.distributions() if d.metadata["Name"]}
print(json.dumps({"python": ".".join(map(str, sys.version_info[:3])), "freeze": dict(sorted(names.items()))}))
"""


def build(folder: Path, toolchain: Toolchain, log: Callable[[str], None]) -> None:
    """Build a toolchain's environment in `folder`, unless somebody else just has.

    Raises:
        UserError: uv could not resolve or install it; the message holds uv's own words.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(folder):
        sweep(folder.parent, held=folder)
        if Record.read(folder) is not None:
            return
        log(f"building the toolchain for {described(toolchain)}")
        begun = time.monotonic()
        staged = Path(tempfile.mkdtemp(prefix=f"{_BUILDING}{folder.name}-", dir=folder.parent))
        try:
            _install(staged, toolchain)
            about = installed(staged)
            python = {PYTHON: about["python"]} if toolchain.python else {}
            known = {name: about["freeze"][name] for name in declared_names(toolchain) if name in about["freeze"]}
            Record(
                toolchain, {**known, **python}, about["freeze"], about["python"], platform_name(), CONTRACT,
                round(time.monotonic() - begun, 1),
            ).write(staged)  # fmt: skip
            staged.chmod(0o755)
            discard(folder)
            staged.rename(folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        log(f"built the toolchain for {described(toolchain)}")


def lock_of(folder: Path, *, wait: bool = True) -> FileLock:
    """Return the lock under which an environment is built or removed; entering it raises Timeout if not `wait`."""
    locks = folder.parent / ".locks"
    locks.mkdir(exist_ok=True)
    return FileLock(locks / folder.name, timeout=-1 if wait else 0)


def sweep(root: Path, held: Path | None = None) -> None:
    """Remove what killed builds and removals left in `root`; `held` is the environment whose lock the caller has."""
    for place in [*root.glob(f"{_BUILDING}*"), *root.glob(f"{_REMOVING}*")]:
        folder = root / place.name.split("-")[1]
        try:
            if held is not None and folder.name == held.name:
                shutil.rmtree(place, ignore_errors=True)
                continue
            with lock_of(folder, wait=False):
                shutil.rmtree(place, ignore_errors=True)
        except Timeout:
            continue  # being built right now


def discard(folder: Path) -> None:
    """Remove an environment, so that nobody ever sees half of it; the caller holds its lock."""
    if not folder.exists():
        return
    grave = Path(tempfile.mkdtemp(prefix=f"{_REMOVING}{folder.name}-", dir=folder.parent))
    folder.rename(grave / folder.name)
    shutil.rmtree(grave, ignore_errors=True)


def installed(folder: Path) -> dict[str, Any]:
    """Ask an environment's interpreter for its version (`python`) and its distributions' versions (`freeze`)."""
    return dict(json.loads(_run([str(interpreter(folder)), "-I", "-c", _ASK])))


def uv() -> str:
    """Return the path of uv."""
    from uv import find_uv_bin

    try:
        return os.fsdecode(find_uv_bin())
    except FileNotFoundError:
        found = shutil.which("uv")
        if found is None:
            raise UserError("uv is needed to build a toolchain and can't be found", hint="pip install uv") from None
        return found


def quiet_environment() -> Mapping[str, str]:
    """Return this process' environment variables without those that point Python elsewhere."""
    return {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}


def _install(staged: Path, toolchain: Toolchain) -> None:
    program = uv()
    _run([program, "venv", "--quiet", "--relocatable", "--no-project", "--allow-existing",
          "--python", toolchain.python or sys.executable, str(staged)])  # fmt: skip
    version = tuple(int(part) for part in installed(staged)["python"].split(".")[:2])
    if version < OLDEST_PYTHON:
        raise UserError(f"a toolchain can't run on Python {toolchain.python}: edgesmith itself needs 3.11 or newer")
    command = [program, "pip", "install", "--quiet", "--no-config", "--python", str(interpreter(staged))]
    if toolchain.exclude_newer:
        command += ["--exclude-newer", toolchain.exclude_newer]
    with tempfile.TemporaryDirectory(prefix="edgesmith-") as work:
        for option, texts in (("--override", toolchain.overrides), ("--constraint", toolchain.constraints)):
            if texts:
                file = Path(work, option.strip("-"))
                file.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
                command += [option, str(file)]
        _run([*command, *toolchain.requirements, *BASE_REQUIREMENTS])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=dict(quiet_environment()), check=False)
    if done.returncode:
        hint = next((told for needle, told in _HINTS if needle in done.stderr), _HINT)
        tail = "\n    ".join(done.stderr.strip().splitlines()[-25:])
        raise UserError(
            f"a toolchain could not be built: `{Path(command[0]).name} {' '.join(command[1:3])}` failed:\n    {tail}",
            hint=f"{hint}; nothing half-built is kept",
        )
    return done.stdout
