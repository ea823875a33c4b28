"""Environments for stages: this one where it meets the requirements, else an isolated one that uv builds once."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from edgesmith.errors import EdgesmithError, UserError
from edgesmith.stage import Toolchain
from edgesmith_flows.canonical import digest

BASE_REQUIREMENTS = ("numpy", "pillow", "pluggy", "pydantic>=2", "safetensors")
"""What the contract itself imports in a worker; an isolated environment gets these too."""


@dataclass(frozen=True)
class Environment:
    """A Python that meets a toolchain.

    Attributes:
        name: `here`, or the isolated environment's key.
        python: its interpreter.
        versions: resolved version of each declared requirement, by distribution; these go into keys.
        isolated: whether plugin packages must be bridged into it.
    """

    name: str
    python: str
    versions: Mapping[str, str] = field(default_factory=dict)
    isolated: bool = False


class Toolchains:
    """Resolves toolchains to environments; remembers what it resolved."""

    def __init__(self, root: Path | None = None, *, offline: bool = False) -> None:
        self.root = root or default_root()
        self.offline = offline
        self._known: dict[Toolchain, Environment] = {}

    def find(self, toolchain: Toolchain) -> Environment | None:
        """Return the environment if it is here or already built, without building anything."""
        if toolchain not in self._known:
            versions = _met_here(toolchain.requirements)
            found = (
                Environment("here", sys.executable, versions)
                if versions is not None
                else _read(self._folder(toolchain))
            )
            if found is None:
                return None
            self._known[toolchain] = found
        return self._known[toolchain]

    def build(self, toolchain: Toolchain, log: Callable[[str], None] = lambda _: None) -> Environment:
        """Return the environment, building it first if need be.

        Raises:
            UserError: uv could not resolve or install it; the message holds uv's own words.
        """
        found = self.find(toolchain)
        if found is not None:
            return found
        folder = self._folder(toolchain)
        wanted = ", ".join(toolchain.requirements)
        if self.offline:
            raise UserError(f"the toolchain for {wanted} is not built, and --offline forbids building it")
        from filelock import FileLock

        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if _read(folder) is None:
                log(f"building the toolchain for {wanted}")
                _build(folder, toolchain)
                log(f"built the toolchain for {wanted}")
        built = self.find(toolchain)
        if built is None:
            raise EdgesmithError(f"the toolchain in {folder} was built but can't be read")
        return built

    def _folder(self, toolchain: Toolchain) -> Path:
        named = {
            "requirements": sorted({*toolchain.requirements, *BASE_REQUIREMENTS}),
            "exclude_newer": toolchain.exclude_newer,
            "python": platform.python_version(),
            "platform": f"{sys.platform}-{platform.machine()}",
        }
        return self.root / digest(named)[:24]


def default_root() -> Path:
    """Return where isolated environments live: EDGESMITH_TOOLCHAINS, or the user's cache folder."""
    given = os.environ.get("EDGESMITH_TOOLCHAINS")
    if given:
        return Path(given).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("edgesmith") / "toolchains"


def parse_requirements(texts: Iterable[str]) -> list[Requirement]:
    """Parse PEP 508 requirements; drop those whose marker doesn't hold here."""
    found = []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise UserError(f"{text!r} is not a requirement: {error}") from error
        if requirement.marker is None or requirement.marker.evaluate():
            found.append(requirement)
    return found


def _met_here(texts: Iterable[str]) -> dict[str, str] | None:
    """Return installed versions of the requirements, or None if one isn't met in this environment."""
    versions = {}
    for requirement in parse_requirements(texts):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            return None
        if not requirement.specifier.contains(version, prereleases=True):
            return None
        versions[str(canonicalize_name(requirement.name))] = version
    return versions


def _read(folder: Path) -> Environment | None:
    try:
        found = json.loads((folder / "toolchain.json").read_text(encoding="utf-8"))
        python = str(folder / "bin" / "python")
        if not Path(python).exists():
            return None
        return Environment(folder.name, python, dict(found["versions"]), isolated=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _uv() -> str:
    from uv import find_uv_bin

    try:
        return os.fsdecode(find_uv_bin())
    except FileNotFoundError:
        found = shutil.which("uv")
        if found is None:
            raise UserError("uv is needed to build a toolchain and can't be found") from None
        return found


def _build(folder: Path, toolchain: Toolchain) -> None:
    """Build next to `folder` and rename: a half-built environment is never seen."""
    staged = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        uv = _uv()
        env = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        _run([uv, "venv", "--quiet", "--relocatable", "--no-project", "--allow-existing",
              "--python", sys.executable, str(staged)], env)  # fmt: skip
        install = [uv, "pip", "install", "--quiet", "--no-config", "--python", str(staged / "bin" / "python")]
        if toolchain.exclude_newer:
            install += ["--exclude-newer", toolchain.exclude_newer]
        _run([*install, *toolchain.requirements, *BASE_REQUIREMENTS], env)
        code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
        names = [canonicalize_name(r.name) for r in parse_requirements(toolchain.requirements)]
        versions = json.loads(_run([str(staged / "bin" / "python"), "-I", "-c", code, *names], env))
        about = {"requirements": list(toolchain.requirements), "versions": versions}
        (staged / "toolchain.json").write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        staged.chmod(0o755)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _run(command: list[str], env: Mapping[str, str]) -> str:
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, env=dict(env), check=False)
    if done.returncode:
        tail = "\n    ".join(done.stderr.strip().splitlines()[-25:])
        raise UserError(
            f"a toolchain could not be built: `{Path(command[0]).name} {' '.join(command[1:3])}` failed:\n    {tail}",
            hint="check the network and the requirements named above; nothing half-built is kept",
        )
    return done.stdout
