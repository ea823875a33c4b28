"""Run a stage without a pipeline: in this process, on real folders."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from edgesmith.artifacts import Artifact, Model
from edgesmith.dataset import Dataset
from edgesmith.errors import RuntimeUnavailable, UserError, unknown
from edgesmith.loading import object_name, package_place
from edgesmith.pipelines import PipelineRun, PipelineView
from edgesmith.process import Launch, ModelProcess
from edgesmith.refs import DatasetRef, PipelineRef, TargetRef
from edgesmith.runtime import Runtime
from edgesmith.session import Session
from edgesmith.stage import Stage
from edgesmith.target import Target, make_target
from edgesmith.tool import Tool


def bridge_to(*classes: type) -> dict[str, str]:
    """Return a bridge (see `edgesmith.boot`) that lends the packages of these classes, and edgesmith itself."""
    tops = {module.partition(".")[0] for module in ("edgesmith", *(cls.__module__ for cls in classes))}
    return {top: str(package_place(top)) for top in sorted(tops)}


@dataclass
class LocalContext:
    """A Context over a folder: outputs in `folder/PORT`, scratch in `folder/scratch`.

    Attributes:
        datasets: dataset classes that params may name.
        runtimes: runtime classes for `open`; each runs under `python`, or this interpreter.
        targets: target classes that `open` may name; `host` is always there.
        tools: interpreters for `tool` by name; this one where a name is missing.
        views: by param that names a pipeline, what the stage sees of it, once for each of its variants.
        pipelines: by name, what answers `pipeline` from all params and the expressions asked for.
        lost: why the result is good for one run only, as the stage told with `provisional`.
    """

    folder: Path
    seed: int = 0
    datasets: Sequence[type[Dataset]] = ()
    runtimes: Sequence[type[Runtime]] = ()
    targets: Sequence[type[Target]] = ()
    model_sources: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    tools: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, Sequence[PipelineView]] = field(default_factory=dict)
    pipelines: Mapping[str, Callable[[Mapping[str, Any], Sequence[str]], PipelineRun]] = field(default_factory=dict)
    cancelled: bool = False
    progressed: list[tuple[float, float, dict[str, float | str]]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("edgesmith.testing"))

    @property
    def scratch(self) -> Path:
        """The scratch folder, made at first use."""
        return self._made("scratch")

    def out(self, port: str) -> Path:
        """The folder of an output port."""
        return self._made(port)

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def progress(self, done: float, total: float, **figures: float | str) -> None:
        """Keep what was told in `progressed`."""
        self.progressed.append((done, total, figures))

    def provisional(self, why: str) -> None:
        """Keep what was told in `lost`."""
        self.lost.append(why)

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Open one of `datasets`."""
        known = {cls.name: cls for cls in self.datasets}
        if ref.name not in known:
            raise UserError(unknown("dataset", ref.name, known))
        cls = known[ref.name]
        return cls(cls.Params(**ref.params))

    def open(self, model: Model, *, threads: int = 1, target: str | TargetRef = "host") -> Session:
        """Open a model on the first of `runtimes` that takes it, on `host` or one of `targets`."""
        ref, known = TargetRef.model_validate(target), {cls.name: cls for cls in self.targets}
        if ref.name != "host" and ref.name not in known:
            raise UserError(unknown("target", ref.name, {"host", *known}))
        place = make_target(known[ref.name], ref.params) if ref.name in known else None
        if place is not None and place.own_runtime:
            return place.open(cast(Launch, None), model, threads)
        for runtime in self.runtimes:
            if isinstance(model, runtime.accepts):
                reason = runtime.unavailable()
                if reason:
                    raise RuntimeUnavailable(reason)
                launch = Launch(runtime.name, object_name(runtime), self.python, bridge_to(runtime, type(model)))
                return place.open(launch, model, threads) if place else ModelProcess(launch, model, threads)
        raise RuntimeUnavailable(f"no runtime for {model.kind}")

    def pipeline(
        self, ref: PipelineRef, params: Mapping[str, Any] | None = None, *, ask: Sequence[str] = ()
    ) -> PipelineRun:
        """Have `pipelines` answer."""
        if ref.name not in self.pipelines:
            raise UserError(unknown("pipeline", ref.name, self.pipelines))
        return self.pipelines[ref.name]({**ref.params, **(params or {})}, ask)

    def tool(self, name: str) -> Tool:
        """Return a tool that runs under one of `tools`, or this interpreter."""
        return Tool(name, self.tools.get(name, sys.executable), log=self.log)


@dataclass(frozen=True)
class Outcome:
    """What a stage made: artifacts by output port, and its figures.

    Attributes:
        lost: why that is good for one run only; empty where it is kept for later ones.
    """

    outputs: Mapping[str, Artifact]
    figures: Mapping[str, Any]
    lost: tuple[str, ...] = ()


def run_stage(
    stage: type[Stage],
    folder: Path,
    inputs: Mapping[str, Artifact | Sequence[Artifact] | None] | None = None,
    params: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    datasets: Sequence[type[Dataset]] = (),
    runtimes: Sequence[type[Runtime]] = (),
    context: LocalContext | None = None,
) -> Outcome:
    """Check and run a stage in this process.

    Args:
        stage: the stage class.
        folder: where outputs and scratch go.
        inputs: artifacts by input port.
        params: as a pipeline's `with:` would give them.
        seed: the pipeline's seed.
        datasets: dataset classes that params may name.
        runtimes: runtime classes for `ctx.open`.
        context: use this context instead of a new one.

    Raises:
        pydantic.ValidationError: the params don't fit.
        UserError: the stage refused, or returned something that is not a mapping of JSON values.
    """
    given = dict(inputs or {})
    for port in stage.inputs:
        given.setdefault(port, None)
    checked = stage.Params(**(params or {}))
    ctx = context or LocalContext(folder, seed=seed, datasets=datasets, runtimes=runtimes)
    kinds = {port: kinds_of(value) for port, value in given.items()}
    refs = {name: getattr(checked, name) for name in type(checked).model_fields}
    opened = {name: ctx.dataset(ref) for name, ref in refs.items() if isinstance(ref, DatasetRef)}
    for dataset in opened.values():
        dataset.check()
    stage.check(checked, kinds, opened)
    gives = stage.gives(checked, kinds, ctx.views)
    figures = as_figures(stage().run(ctx, given, checked))
    outputs = {port: kind(ctx.out(port)) for port, kind in gives.items()}
    return Outcome(outputs, figures, tuple(ctx.lost))


def as_figures(returned: Any) -> dict[str, Any]:
    """Return what `run` returned as figures, or raise UserError where a pipeline would refuse it."""
    if returned is not None and not isinstance(returned, Mapping):
        raise UserError(f"run() returned {type(returned).__name__}; expected a mapping of figures, or None")
    try:
        return dict(json.loads(json.dumps(dict(returned or {}))))
    except (TypeError, ValueError) as error:
        raise UserError(f"run() returned figures that are not JSON: {error}") from error


def kinds_of(value: Artifact | Sequence[Artifact] | None) -> tuple[type[Artifact], ...]:
    """Return the kinds of what is connected to a port."""
    if value is None:
        return ()
    return (type(value),) if isinstance(value, Artifact) else tuple(type(one) for one in value)


def folder_digest(folder: Path) -> str:
    """Digest of all files below a folder: their relative names and contents."""
    total = hashlib.sha256()
    for name, content in file_digests(folder).items():
        total.update(name.encode() + b"\0")
        total.update(bytes.fromhex(content))
    return total.hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """Digests of all files below a folder, by relative name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
