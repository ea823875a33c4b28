"""Requirements, and whether this environment meets them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from edgesmith.errors import UserError
from edgesmith.stage import Toolchain

PYTHON = "python"
"""The name under which an interpreter's version stands among those of distributions, where a toolchain asks for one."""


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


def python_specifier(text: str) -> SpecifierSet:
    """Parse a toolchain's `python`: `3.12` stands for any 3.12.x."""
    try:
        return SpecifierSet(f"=={Version(text)}.*") if text[:1].isdigit() else SpecifierSet(text)
    except (InvalidVersion, InvalidSpecifier) as error:
        raise UserError(f"{text!r} is not a Python version or specifier: {error}", hint="write `3.12`") from error


def declared_names(toolchain: Toolchain) -> list[str]:
    """Return the distributions that a toolchain names, in canonical spelling, each once."""
    texts = (*toolchain.requirements, *toolchain.overrides, *toolchain.constraints)
    return sorted({str(canonicalize_name(one.name)) for one in parse_requirements(texts)})


def unmet(toolchain: Toolchain) -> list[str]:
    """Return what of a toolchain this environment does not meet; nothing if it can run here."""
    missing = [str(one) for one in parse_requirements(toolchain.requirements) if not _met(one)]
    for one in parse_requirements((*toolchain.overrides, *toolchain.constraints)):
        if _version(one.name) is not None and not _met(one):
            missing.append(str(one))
    if toolchain.python and not python_specifier(toolchain.python).contains(platform.python_version()):
        missing.append(f"{PYTHON} {toolchain.python}")
    return list(dict.fromkeys(missing))


def versions_here(toolchain: Toolchain) -> dict[str, str]:
    """Return the installed version of each distribution that a toolchain names and that is here."""
    found = {name: version for name in declared_names(toolchain) if (version := _version(name)) is not None}
    return {**found, **({PYTHON: platform.python_version()} if toolchain.python else {})}


def _met(requirement: Requirement) -> bool:
    """Tell whether a requirement is installed here, with what its extras ask for."""
    version = _version(requirement.name)
    # Where an installed distribution came from can't be told from its version.
    if version is None or requirement.url or not requirement.specifier.contains(version, prereleases=True):
        return False
    for text in metadata.requires(requirement.name) or () if requirement.extras else ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            continue
        if any(needed.marker.evaluate({"extra": extra}) for extra in requirement.extras) and not _met(needed):
            return False
    return True


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
