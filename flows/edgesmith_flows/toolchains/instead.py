"""Toolchains in which other versions stand in the place of the declared ones, to try a tool's upgrade aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from edgesmith.errors import UserError, unknown
from edgesmith.stage import Toolchain
from edgesmith_flows.toolchains.requirements import declared_names, parse_requirements, unmet, versions_here


def instead_of(toolchain: Toolchain, instead: Sequence[str]) -> Toolchain:
    """Return a toolchain with requirements replaced; the same one if it names none of them.

    What else a toolchain of this environment names keeps its version, so that one thing changes at a time.
    """
    wanted = {canonicalize_name(one.name): one for one in parse_requirements(instead)}
    if not wanted.keys() & set(declared_names(toolchain)):
        return toolchain

    def swap(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_swapped(Requirement(text), text, wanted) for text in texts))

    pins: list[str] = []
    if not unmet(toolchain):
        # A local part such as +cpu names a build that the package index needn't have.
        known = {name: Version(text).public for name, text in versions_here(toolchain).items() if name not in wanted}
        pins = [f"{name}=={version}" for name, version in sorted(known.items()) if name != "python"]
    return replace(
        toolchain,
        requirements=swap(toolchain.requirements),
        overrides=swap(toolchain.overrides),
        constraints=(*swap(toolchain.constraints), *pins),
    )


def check_instead(instead: Sequence[str], toolchains: Iterable[Toolchain]) -> None:
    """Raise UserError for a requirement that is none, or whose tool none of the toolchains names."""
    names = sorted({name for toolchain in toolchains for name in declared_names(toolchain)})
    for text, one in zip(instead, parse_requirements(instead), strict=False):
        if canonicalize_name(one.name) not in names:
            message = unknown("tool", one.name, names)
            raise UserError(f"--with {text}: {message}", hint="these are the tools that this pipeline's stages name")


def _swapped(requirement: Requirement, text: str, wanted: Mapping[NormalizedName, Requirement]) -> str:
    other = wanted.get(canonicalize_name(requirement.name))
    if other is None:
        return text
    extras = f"[{','.join(sorted(requirement.extras | other.extras))}]" if requirement.extras | other.extras else ""
    return f"{other.name}{extras}{f' @ {other.url}' if other.url else other.specifier}"
