"""Ports: the typed inputs and outputs of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import get_args

from edgesmith.artifacts import Artifact


@dataclass(frozen=True)
class Port:
    """One input or output of a stage.

    Attributes:
        kinds: the artifact kinds it takes (a subclass of one of them fits) or, for an output, gives.
        many: an input that takes a list of nodes.
        optional: an input that may be left out.
        like: for an output, the input port whose kind it repeats.
        turning: for such an output, pairs of kinds that it does not repeat and what it gives for them.
        decided: for an output, `Stage.gives` tells its kind, or leaves it out.
    """

    kinds: tuple[type[Artifact], ...] = ()
    many: bool = False
    optional: bool = False
    like: str | None = None
    turning: tuple[tuple[type[Artifact], type[Artifact]], ...] = ()
    decided: bool = False

    def accepts(self, kind: type[Artifact]) -> bool:
        """Tell whether an artifact of `kind` may be connected here."""
        return issubclass(kind, self.kinds)

    def __str__(self) -> str:
        names = " | ".join(kind.kind or kind.__name__ for kind in self.kinds)
        return f"list of {names}" if self.many else names


PortSpec = type[Artifact] | UnionType | Port


def as_port(spec: PortSpec) -> Port:
    """Turn what a stage author wrote (`OnnxModel`, `OnnxModel | TfliteModel`, a `Port`) into a Port."""
    if isinstance(spec, Port):
        return spec
    if isinstance(spec, UnionType):
        return Port(kinds=tuple(get_args(spec)))
    return Port(kinds=(spec,))


def many(spec: PortSpec) -> Port:
    """An input that takes one node or a list of nodes."""
    return replace(as_port(spec), many=True)


def optional(spec: PortSpec) -> Port:
    """An input that may be left out; the stage then finds None."""
    return replace(as_port(spec), optional=True)


def like(port: str, turning: Mapping[type[Artifact], type[Artifact]] | None = None) -> Port:
    """An output of the same kind as the input `port`.

    Args:
        port: the input.
        turning: kinds (subclasses with them) for which the output is of another kind, and that kind.
    """
    return Port(like=port, turning=tuple((turning or {}).items()))


def decided(spec: PortSpec) -> Port:
    """An output that is of one of these kinds (or a subclass), or left out, by what `Stage.gives` tells."""
    return replace(as_port(spec), decided=True)


def output_kind(spec: PortSpec, inputs: Mapping[str, tuple[type[Artifact], ...]]) -> type[Artifact]:
    """Return the concrete kind of an output, given the kinds connected to the inputs."""
    port = as_port(spec)
    if port.like is None:
        return port.kinds[0]
    kind = inputs[port.like][0]
    return next((made for given, made in port.turning if issubclass(kind, given)), kind)
