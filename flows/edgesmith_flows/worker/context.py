"""The Context of a stage that runs in a worker process."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from edgesmith.artifacts import Artifact, Model
from edgesmith.channel import Channel
from edgesmith.dataset import Dataset
from edgesmith.errors import Cancelled, RuntimeUnavailable, UserError, unknown
from edgesmith.loading import load_object
from edgesmith.pipelines import PipelineRun
from edgesmith.process import Launch
from edgesmith.refs import DatasetRef, PipelineRef, TargetRef
from edgesmith.session import Session
from edgesmith.target import make_target
from edgesmith.tool import Tool

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class Line:
    """The line to the parent, and the answers that came over it."""

    channel: Channel
    answers: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)


class WorkerContext:
    """See `edgesmith.Context`. Everything comes from the job, a JSON document."""

    def __init__(self, job: Mapping[str, Any], line: Line, log: logging.Logger, cancel: threading.Event) -> None:
        self._job = job
        self._line = line
        self._channel = line.channel
        self._cancel = cancel
        self._told = 0.0
        self.log = log
        self.seed = int(job["seed"])
        self.scratch = Path(job["scratch"])
        self.model_sources: Mapping[str, str] = job["model_sources"]

    @property
    def cancelled(self) -> bool:
        """Whether the run is being interrupted."""
        return self._cancel.is_set()

    def out(self, port: str) -> Path:
        """The folder of an output port."""
        outputs = self._job["outputs"]
        if port not in outputs:
            raise UserError(unknown("output port", port, outputs))
        return Path(outputs[port])

    def progress(self, done: float, total: float, **figures: float | str) -> None:
        """Send progress, at most ten times a second but for the last step."""
        now = time.monotonic()
        if done < total and now - self._told < _PROGRESS_SECONDS:
            return
        self._told = now
        plain = {name: value if isinstance(value, str) else float(value) for name, value in figures.items()}
        self._channel.send({"event": "progress", "done": float(done), "total": float(total), "figures": plain})

    def provisional(self, why: str) -> None:
        """Tell that the result is good for this run only."""
        self._channel.send({"event": "provisional", "why": why})

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Open the dataset that a param names."""
        classes = self._job["datasets"]
        if ref.name not in classes:
            raise UserError(unknown("dataset", ref.name, classes))
        cls = load_object(classes[ref.name])
        dataset: Dataset = cls(cls.Params(**ref.params))
        return dataset

    def open(self, model: Model, *, threads: int = 1, target: str | TargetRef = "host") -> Session:
        """Load a model in a fresh process on a target."""
        ref, targets = TargetRef.model_validate(target), self._job["targets"]
        if ref.name not in targets:
            raise UserError(unknown("target", ref.name, targets))
        place = make_target(load_object(targets[ref.name]), ref.params)
        if place.own_runtime:
            return place.open(cast(Launch, None), model, threads)
        launches, reasons = self._job["launches"], self._job["no_runtime"]
        if model.kind not in launches:
            raise RuntimeUnavailable(reasons.get(model.kind, f"no runtime for {model.kind}"))
        return place.open(Launch(**launches[model.kind]), model, threads)

    def pipeline(
        self, ref: PipelineRef, params: Mapping[str, Any] | None = None, *, ask: Sequence[str] = ()
    ) -> PipelineRun:
        """Have the parent run a pipeline, and wait for what comes of it."""
        asked = {"ref": ref.model_dump(mode="json"), "params": dict(params or {}), "ask": list(ask)}
        self._channel.send({"event": "ask", **asked})
        told = self._line.answers.get()
        if "failed_as" in told:
            kind = Cancelled if told["failed_as"] == Cancelled.__name__ else UserError
            raise kind(told["message"], hint=told["hint"])
        return PipelineRun(
            values=tuple(told["values"]),
            reasons={int(place): reason for place, reason in told["reasons"].items()},
            failed=tuple(told["failed"]),
            missed=tuple(told["missed"]),
            artifacts={name: load_inputs(ports) for name, ports in told["artifacts"].items()},
            made=told["made"],
        )

    def tool(self, name: str) -> Tool:
        """Return a toolchain's environment to call functions in."""
        tools = self._job["tools"]
        if name not in tools:
            raise UserError(unknown("tool", name, tools), hint="a stage names its toolchains in `Stage.tools`")
        return Tool(name, log=self.log, **tools[name])


def load_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a job's inputs into artifacts: one, a list, or None by port."""

    def one(given: Mapping[str, str]) -> Artifact:
        artifact: Artifact = load_object(given["kind"])(Path(given["path"]), given["digest"])
        return artifact

    return {
        port: None if given is None else [one(g) for g in given] if isinstance(given, list) else one(given)
        for port, given in inputs.items()
    }
