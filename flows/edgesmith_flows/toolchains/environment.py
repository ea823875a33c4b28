"""Find a toolchain's environment, or have it built."""

from __future__ import annotations

import os
import platform
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edgesmith.errors import EdgesmithError, UserError
from edgesmith.stage import Toolchain
from edgesmith_flows.canonical import digest
from edgesmith_flows.toolchains.instead import instead_of
from edgesmith_flows.toolchains.record import Use, interpreter
from edgesmith_flows.toolchains.requirements import unmet, versions_here

BASE_REQUIREMENTS = ("numpy", "pillow", "pluggy", "pydantic>=2", "safetensors")
"""What the contract itself imports in a worker; an isolated environment gets these too."""

FORMAT = 2
"""Raised when environments are built in another way, so that older ones are not taken for new."""


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
    """Resolves toolchains to environments; remembers what it resolved, and holds it for as long as it lives.

    Args:
        instead: requirements that stand in the place of the declared ones of the same name (`edgesmith run --with`).
    """

    def __init__(self, root: Path | None = None, *, offline: bool = False, instead: Sequence[str] = ()) -> None:
        self.root = root or default_root()
        self.offline = offline
        self.instead = tuple(instead)
        self._known: dict[Toolchain, Environment] = {}

    def find(self, toolchain: Toolchain) -> Environment | None:
        """Return the environment if it is here or already built, without building anything."""
        if toolchain not in self._known:
            other = instead_of(toolchain, self.instead) if self.instead else toolchain
            found = self._built(other) if unmet(other) else self._here(other)
            if found is None:
                return None
            self._known[toolchain] = found
        return self._known[toolchain]

    def build(self, toolchain: Toolchain, log: Callable[[str], None] = lambda _: None) -> Environment:
        """Return the environment, building it first if need be.

        Raises:
            UserError: uv could not resolve or install it (the message holds uv's own words), or `offline` forbids it.
        """
        found = self.find(toolchain)
        if found is not None:
            return found
        self.refuse_offline([toolchain])
        from edgesmith_flows.toolchains.build import build

        other = instead_of(toolchain, self.instead) if self.instead else toolchain
        build(self.folder(other), other, log)
        built = self.find(toolchain)
        if built is None:
            raise EdgesmithError(f"the toolchain in {self.folder(other)} was built but can't be read")
        return built

    def refuse_offline(self, wanted: list[Toolchain]) -> None:
        """Raise UserError if `offline` is set and one of the toolchains is not here; the message names all of them."""
        missing = [one for one in dict.fromkeys(wanted) if self.offline and self.find(one) is None]
        if not missing:
            return
        told = "\n    ".join(
            f"the toolchain for {described(one)} is not built, and --offline forbids building it "
            f"(this environment lacks {', '.join(unmet(one))})"
            for one in missing
        )
        raise UserError(told, hint="build it while there is a network: `edgesmith toolchain build PIPELINE`")

    def folder(self, toolchain: Toolchain) -> Path:
        """Return where the toolchain's isolated environment is, or would be."""
        named = {
            **{name: sorted(set(v)) if isinstance(v, tuple) else v for name, v in asdict(toolchain).items()},
            "base": list(BASE_REQUIREMENTS),
            "python": toolchain.python or platform.python_version(),
            "platform": platform_name(),
            "format": FORMAT,
        }
        return self.root / digest(named)[:24]

    def _here(self, toolchain: Toolchain) -> Environment:
        return Environment("here", sys.executable, versions_here(toolchain))

    def _built(self, toolchain: Toolchain) -> Environment | None:
        use = Use.of(self.folder(toolchain))
        if use is None:
            return None
        weakref.finalize(self, use.end)
        return Environment(use.folder.name, str(interpreter(use.folder)), dict(use.record.versions), isolated=True)


def described(toolchain: Toolchain) -> str:
    """Return what a toolchain is for, in a line."""
    python = f" on Python {toolchain.python}" if toolchain.python else ""
    return (", ".join(toolchain.requirements) or "no requirements") + python


def platform_name() -> str:
    """Return the platform that environments are built for: `linux-x86_64`."""
    return f"{sys.platform}-{platform.machine()}"


def default_root() -> Path:
    """Return where isolated environments live: EDGESMITH_TOOLCHAINS, or the user's cache folder."""
    given = os.environ.get("EDGESMITH_TOOLCHAINS")
    if given:
        return Path(given).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("edgesmith") / "toolchains"
