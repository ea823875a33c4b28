"""Pipelines that a stage runs: what it sees of them before the run, and what comes of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgesmith.artifacts import Artifact


class PipelineView(Protocol):
    """A pipeline that a param names, checked with one set of params.

    Attributes:
        name: the pipeline's.
        gives: by node, the kind of each output.
    """

    @property
    def name(self) -> str: ...
    @property
    def gives(self) -> Mapping[str, Mapping[str, type[Artifact]]]: ...

    def check_expression(self, text: str) -> None:
        """Raise UserError unless `text` is an expression over the pipeline's nodes, as gates are."""
        ...


@dataclass(frozen=True)
class PipelineRun:
    """What came of a pipeline.

    Attributes:
        values: of each expression that was asked for; None where it can't be told.
        reasons: by the place of such an expression, why not.
        failed: a line for each node that was not made.
        missed: a line for each gate that did not hold.
        artifacts: by node, what it gave by output port.
        made: how many nodes were made; the others were found in the store.
    """

    values: tuple[Any, ...] = ()
    reasons: Mapping[int, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    artifacts: Mapping[str, Mapping[str, Artifact]] = field(default_factory=dict)
    made: int = 0
