"""What a running stage may ask of its surroundings."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from edgesmith.artifacts import Model
    from edgesmith.dataset import Dataset
    from edgesmith.pipelines import PipelineRun
    from edgesmith.refs import DatasetRef, PipelineRef, TargetRef
    from edgesmith.session import Session
    from edgesmith.tool import Tool


class Context(Protocol):
    """Services for one call of `Stage.run`.

    Attributes:
        log: goes to the run's log, live.
        seed: the pipeline's seed; the only source of randomness.
        scratch: a folder that survives a retry and a killed run (checkpoints), gone once the node has succeeded.
        model_sources: by name, the `package.module:function` of each installed model source (`model: name/model`).
        cancelled: True once the run is being interrupted; long loops look at it and raise `Cancelled`.
    """

    @property
    def log(self) -> logging.Logger: ...
    @property
    def seed(self) -> int: ...
    @property
    def scratch(self) -> Path: ...
    @property
    def model_sources(self) -> Mapping[str, str]: ...
    @property
    def cancelled(self) -> bool: ...

    def out(self, port: str) -> Path:
        """Return the empty folder to fill for an output port."""
        ...

    def progress(self, done: float, total: float, **figures: float | str) -> None:
        """Tell how far the stage is, with figures so far (loss, top-1)."""
        ...

    def provisional(self, why: str) -> None:
        """Tell that the result is good for this run only, as something was lost that may be there the next time.

        The run goes on with it, and the next one makes it again. Call it where a stage goes on after a failure: a model
        whose process died becomes a line of a table, and must not stay one in the cache.

        Args:
            why: what was lost, in a line; called again, it is one more reason.
        """
        ...

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Open the dataset that a param names."""
        ...

    def open(self, model: Model, *, threads: int = 1, target: str | TargetRef = "host") -> Session:
        """Load a model in a fresh process of its runtime, on this machine or a target; use it as a context manager.

        On `host` it is a `ModelProcess`.

        Raises:
            RuntimeUnavailable: no installed runtime can run this kind here; the message says why.
        """
        ...

    def pipeline(
        self, ref: PipelineRef, params: Mapping[str, Any] | None = None, *, ask: Sequence[str] = ()
    ) -> PipelineRun:
        """Run the pipeline that a param names, through the same store; nodes that are there are not made again.

        Args:
            params: in addition to the reference's own, as `--set` takes them.
            ask: expressions over its nodes' figures, as gates are.

        Raises:
            UserError: the pipeline can't be run with these params. Nodes that fail don't raise.
            Cancelled: the run was interrupted.
        """
        ...

    def tool(self, name: str) -> Tool:
        """Return one of the toolchains that `Stage.tools` named, to call functions in."""
        ...
