"""Run plugins in tests, without a pipeline: real stages on real folders.

`run_stage` runs one stage in this process. The contract classes (`StageContract`, `RuntimeContract`) hold the tests
that every plugin should pass: subclass one, set its attributes, and pytest does the rest.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from edgesmith.artifacts import Artifact, Model
from edgesmith.dataset import Dataset
from edgesmith.errors import RuntimeUnavailable, UserError, unknown
from edgesmith.loading import object_name, package_place
from edgesmith.ports import output_kind
from edgesmith.process import Launch, ModelProcess
from edgesmith.refs import DatasetRef
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage


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
    """

    folder: Path
    seed: int = 0
    datasets: Sequence[type[Dataset]] = ()
    runtimes: Sequence[type[Runtime]] = ()
    model_sources: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable
    cancelled: bool = False
    progressed: list[tuple[float, float, dict[str, float | str]]] = field(default_factory=list)
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

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Open one of `datasets`."""
        known = {cls.name: cls for cls in self.datasets}
        if ref.name not in known:
            raise UserError(unknown("dataset", ref.name, known))
        cls = known[ref.name]
        return cls(cls.Params(**ref.params))

    def open(self, model: Model, *, threads: int = 1, target: str = "host") -> ModelProcess:
        """Open a model on the first of `runtimes` that takes it."""
        for runtime in self.runtimes:
            if isinstance(model, runtime.accepts):
                reason = runtime.unavailable()
                if reason:
                    raise RuntimeUnavailable(reason)
                launch = Launch(runtime.name, object_name(runtime), self.python, bridge_to(runtime, type(model)))
                return ModelProcess(launch, model, threads)
        raise RuntimeUnavailable(f"no runtime for {model.kind}")


@dataclass(frozen=True)
class Outcome:
    """What a stage made: artifacts by output port, and its figures."""

    outputs: Mapping[str, Artifact]
    figures: Mapping[str, Any]


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
    figures = stage().run(ctx, given, checked) or {}
    outputs = {port: output_kind(spec, kinds)(ctx.out(port)) for port, spec in stage.outputs.items()}
    return Outcome(outputs, figures)


def kinds_of(value: Artifact | Sequence[Artifact] | None) -> tuple[type[Artifact], ...]:
    """Return the kinds of what is connected to a port."""
    if value is None:
        return ()
    return (type(value),) if isinstance(value, Artifact) else tuple(type(one) for one in value)


def folder_digest(folder: Path) -> str:
    """Digest of all files below a folder: their relative names and contents."""
    total = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


class StageContract:
    """Tests that every stage passes. Subclass it, set `stage` and `params`, and override `inputs` and `context`."""

    stage: ClassVar[type[Stage]]
    params: ClassVar[Mapping[str, Any]] = {}

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """Return the input artifacts by port; make them in `folder`."""
        return {}

    def context(self, folder: Path) -> LocalContext:
        """Return the context to run in."""
        return LocalContext(folder)

    def test_is_named_and_documented(self) -> None:
        """A stage has a name, a version and a docstring."""
        assert self.stage.name
        assert self.stage.version
        assert (self.stage.__doc__ or "").strip()

    def test_refuses_unknown_params(self) -> None:
        """A param with a typo is refused, never ignored."""
        from pydantic import ValidationError

        try:
            self.stage.Params(**{**self.params, "no_such_param_": 1})
        except ValidationError:
            return
        raise AssertionError("an unknown param was accepted")

    def test_writes_only_its_outputs_and_repeats_itself(self, tmp_path: Path) -> None:
        """Two runs give equal bytes, in the output folders and nowhere else; the inputs stay as they were."""
        given = self.inputs(tmp_path / "inputs")
        before = folder_digest(tmp_path / "inputs")
        digests = []
        for attempt in ("first", "second"):
            ctx = self.context(tmp_path / attempt)
            made = run_stage(self.stage, ctx.folder, given, self.params, context=ctx)
            assert {p.name for p in ctx.folder.iterdir()} <= {*self.stage.outputs, "scratch"}
            digests.append({port: folder_digest(one.path) for port, one in made.outputs.items()})
        assert folder_digest(tmp_path / "inputs") == before
        if not self.stage.measures:
            assert digests[0] == digests[1]


class RuntimeContract:
    """Tests that every runtime passes. Subclass it, set `runtime`, and override `model`."""

    runtime: ClassVar[type[Runtime]]
    tolerance: ClassVar[float] = 1e-3

    def model(self, folder: Path) -> Model:
        """Return a model artifact that the runtime takes, with its golden pair."""
        raise NotImplementedError

    def test_repeats_the_golden_pair(self, tmp_path: Path) -> None:
        """The golden pixels give the golden logits, in a fresh process, at any batch size."""
        import numpy as np

        reason = self.runtime.unavailable()
        if reason:
            import pytest

            pytest.skip(f"{self.runtime.name}: {reason}")
        model = self.model(tmp_path)
        pixels, logits = model.golden()
        with LocalContext(tmp_path, runtimes=[self.runtime]).open(model) as process:
            np.testing.assert_allclose(process.predict(pixels), logits, atol=self.tolerance)
            assert len(process.time(pixels, warmup=1, runs=3)) == 3
