"""The tests that every plugin passes, as classes to subclass: pytest runs what they inherit."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, cast, get_args

from edgesmith.artifacts import Artifact, Model
from edgesmith.dataset import Dataset, SplitName
from edgesmith.errors import UserError
from edgesmith.loading import load_object, object_name
from edgesmith.process import Launch
from edgesmith.runtime import Runtime
from edgesmith.session import Session, Timing
from edgesmith.stage import Stage
from edgesmith.target import Target, make_target
from edgesmith.testing.probe import probe
from edgesmith.testing.trial import LocalContext, bridge_to, file_digests, kinds_of, run_stage


class _Contract:
    """What holds for every plugin class."""

    params: ClassVar[Mapping[str, Any]] = {}

    def _subject(self) -> Any:
        raise NotImplementedError

    def _kinds(self, folder: Path) -> dict[str, list[str]]:
        return {}

    def test_is_named_and_documented(self) -> None:
        """It has a name, a version and a docstring."""
        subject = self._subject()
        assert subject.name, f"{subject.__qualname__} has no name"
        assert subject.version, f"{subject.__qualname__} has no version"
        assert (subject.__doc__ or "").strip(), f"{subject.__qualname__} has no docstring"

    def test_is_importable_by_name(self) -> None:
        """Workers import it by its module's and its own name."""
        subject = self._subject()
        name = object_name(subject)
        try:
            found = load_object(name)
        except (ImportError, AttributeError) as error:
            raise AssertionError(f"{name} can't be imported: move the class to the top level of a module") from error
        assert found is subject, f"{name} is another object"

    def test_importing_it_brings_nothing_heavy(self, tmp_path: Path) -> None:
        """Planning imports every plugin: what it requires is imported when it runs."""
        loaded = _probed(self._subject(), self.params, self._kinds(tmp_path / "inputs"), 0)["loaded"]
        assert not loaded, f"importing {object_name(self._subject())} imports {', '.join(loaded)}: do it when it runs"

    def test_its_key_is_deterministic(self, tmp_path: Path) -> None:
        """Two processes, which hash and order differently, give the same key."""
        kinds = self._kinds(tmp_path / "inputs")
        first, second = (_probed(self._subject(), self.params, kinds, attempt)["key"] for attempt in (0, 1))
        odd = sorted(name for name in first if first[name] != second[name])
        assert not odd, f"two processes disagree on {', '.join(odd)}: {first} and {second}"


def _probed(cls: type, params: Mapping[str, Any], kinds: Mapping[str, list[str]], attempt: int) -> dict[str, Any]:
    return _probe(cls, json.dumps(params, default=_plain), json.dumps(kinds), attempt)


def _plain(value: Any) -> Any:
    """Turn a DatasetRef, which a test may give as such, into what a pipeline would say."""
    return value.model_dump(mode="json")


@lru_cache(maxsize=8)
def _probe(cls: type, params: str, kinds: str, attempt: int) -> dict[str, Any]:
    return probe(cls, json.loads(params), json.loads(kinds))


class StageContract(_Contract):
    """Tests that every stage passes. Subclass it, set `stage` and `params`, and override `inputs` and `context`.

    Class attributes:
        stage: the stage.
        params: params that it takes, as a pipeline's `with:` would give them.
        bad_params: sets of params that it refuses before it runs.
    """

    stage: ClassVar[type[Stage]]
    bad_params: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def inputs(self, folder: Path) -> Mapping[str, Any]:
        """Return the input artifacts by port; make them in `folder`."""
        return {}

    def context(self, folder: Path) -> LocalContext:
        """Return the context to run in."""
        return LocalContext(folder)

    def _subject(self) -> Any:
        return self.stage

    def _kinds(self, folder: Path) -> dict[str, list[str]]:
        return {port: [object_name(k) for k in kinds_of(value)] for port, value in self.inputs(folder).items()}

    def test_refuses_unknown_params(self) -> None:
        """A param with a typo is refused, never ignored."""
        from pydantic import ValidationError

        try:
            self.stage.Params(**{**self.params, "no_such_param_": 1})
        except ValidationError:
            return
        raise AssertionError("an unknown param was accepted")

    def test_refuses_bad_params_before_the_run(self, tmp_path: Path) -> None:
        """What can't work is refused by `Params` or `check`, not in the middle of a run."""
        from pydantic import ValidationError

        class Unrun(self.stage):  # type: ignore[name-defined,misc]
            def run(self, ctx: Any, inputs: Any, params: Any) -> None:
                raise AssertionError("it ran")

        given = self.inputs(tmp_path / "inputs") if self.bad_params else {}
        for number, bad in enumerate(self.bad_params):
            ctx = self.context(tmp_path / str(number))
            try:
                run_stage(Unrun, ctx.folder, given, bad, context=ctx)
            except (ValidationError, UserError):
                continue
            raise AssertionError(f"{bad} was accepted")

    def test_writes_only_its_outputs_and_repeats_itself(self, tmp_path: Path) -> None:
        """Two runs give equal bytes, in the output folders and nowhere else; the inputs stay as they were."""
        given = self.inputs(tmp_path / "inputs")
        before = file_digests(tmp_path / "inputs")
        elsewhere = tmp_path / "working folder"
        elsewhere.mkdir()
        made = []
        for attempt in ("first", "second"):
            ctx = self.context(tmp_path / attempt)
            with contextlib.chdir(elsewhere):
                outcome = run_stage(self.stage, ctx.folder, given, self.params, context=ctx)
            beside = {p.name for p in ctx.folder.iterdir()} - {*self.stage.outputs, "scratch"}
            assert not beside, f"it wrote {sorted(beside)} beside its outputs"
            assert not list(elsewhere.iterdir()), "it wrote into the working folder"
            for port, artifact in outcome.outputs.items():
                check_artifact(artifact, port)
            made.append(
                {
                    f"{port}/{name}": content
                    for port, one in outcome.outputs.items()
                    for name, content in file_digests(one.path).items()
                }
            )
        assert file_digests(tmp_path / "inputs") == before, "it changed its inputs"
        if self.stage.deterministic and not self.stage.measures:
            differing = sorted(name for name in {*made[0], *made[1]} if made[0].get(name) != made[1].get(name))
            assert not differing, f"two runs on the same inputs gave different bytes: {', '.join(differing)}"


def check_artifact(artifact: Artifact, port: str) -> None:
    """Assert that an output's folder holds what a pipeline would take."""
    files = [path for path in artifact.path.rglob("*") if not path.is_dir()]
    assert files, f"it wrote nothing for {port!r}"
    odd = [path.name for path in files if path.is_symlink() or not path.is_file()]
    assert not odd, f"{odd} of {port!r} are not regular files"
    if isinstance(artifact, Model):
        assert artifact.file.exists(), f"{port!r} has no {artifact.main}"
        pixels, logits = artifact.golden()
        assert len(pixels) == len(logits), (
            f"the golden pair of {port!r} has {len(pixels)} images, {len(logits)} outputs"
        )
        assert pixels.shape[1:3] == artifact.contract.size, (
            f"the golden images of {port!r} don't fit its input contract"
        )


class _RunsModels(_Contract):
    """What runs a model gives its golden logits back."""

    tolerance: ClassVar[float] = 1e-3

    def model(self, folder: Path) -> Model:
        """Return a model artifact with its golden pair; make it in `folder`."""
        raise NotImplementedError

    def _skip_where_unavailable(self) -> None:
        reason = getattr(self._subject(), "unavailable", lambda: None)()
        assert reason is None or isinstance(reason, str), "unavailable() returns a text, or None"
        if reason:
            import pytest

            pytest.skip(f"{self._subject().name}: {reason}")

    def _check(self, process: Session, model: Model) -> None:
        import numpy as np

        pixels, logits = model.golden()
        if process.predicts:
            np.testing.assert_allclose(process.predict(pixels), logits, atol=self.tolerance)
            singly = np.concatenate([process.predict(pixels[i : i + 1]) for i in range(len(pixels))])
            np.testing.assert_allclose(singly, logits, atol=self.tolerance)
        times = process.time(pixels, warmup=1, runs=3)
        if isinstance(times, Timing):
            assert times.runs == 3
            assert 0 < times.min <= times.mean <= times.max
        else:
            assert len(times) == 3
            assert min(times) > 0
        peak = process.peak_bytes()
        assert peak is None or peak > 0


class RuntimeContract(_RunsModels):
    """Tests that every runtime passes. Subclass it, set `runtime`, and override `model`.

    Class attributes:
        runtime: the runtime.
        tolerance: how far its outputs may be from the golden logits.
    """

    runtime: ClassVar[type[Runtime]]

    def _subject(self) -> Any:
        return self.runtime

    def test_repeats_the_golden_pair(self, tmp_path: Path) -> None:
        """The golden pixels give the golden logits, in a fresh process, at any batch size."""
        self._skip_where_unavailable()
        model = self.model(tmp_path)
        assert isinstance(model, tuple(self.runtime.accepts)), f"{self.runtime.name} doesn't accept {model.kind}"
        with LocalContext(tmp_path, runtimes=[self.runtime]).open(model) as process:
            self._check(process, model)


class TargetContract(_RunsModels):
    """Tests that every target passes. Subclass it, set `target` and `runtime`, and override `model`.

    Class attributes:
        target: the target.
        params: its params, as a pipeline would give them beside the name.
        runtime: a runtime that runs the model there; none for a target with `own_runtime`.
        tolerance: how far its outputs, where it gives them, may be from the golden logits.
    """

    target: ClassVar[type[Target]]
    runtime: ClassVar[type[Runtime] | None] = None

    def _subject(self) -> Any:
        return self.target

    def _skip_where_unavailable(self) -> None:
        super()._skip_where_unavailable()
        pool = make_target(self.target, self.params).work_pool()
        if pool is not None:
            import pytest

            pytest.skip(f"{self.target.name}: the machine that answers from the work pool {pool.name!r} runs models")

    def test_tells_what_it_is(self) -> None:
        """Its identity, part of every measurement's key, is JSON, and is not empty."""
        self._skip_where_unavailable()
        identity = dict(make_target(self.target, self.params).identity())
        assert identity, "an empty identity: measurements of all machines would be one"
        assert json.loads(json.dumps(identity)) == identity

    def test_runs_a_model(self, tmp_path: Path) -> None:
        """The golden pixels give the golden logits there, where it gives any, and runs are timed."""
        self._skip_where_unavailable()
        model = self.model(tmp_path)
        launch = None
        if not self.target.own_runtime:
            assert self.runtime is not None, f"set `runtime`: {self.target.name} has no runtime of its own"
            bridge = bridge_to(self.runtime, type(model))
            launch = Launch(self.runtime.name, object_name(self.runtime), sys.executable, bridge)
        with make_target(self.target, self.params).open(cast(Launch, launch), model, threads=1) as process:
            self._check(process, model)
            assert process.facts, "it told nothing about the loading of the model"


class DatasetContract(_Contract):
    """Tests that every dataset passes. Subclass it, set `dataset` and `params`.

    Class attributes:
        dataset: the dataset.
        params: its params, as a pipeline would give them beside the name.
    """

    dataset: ClassVar[type[Dataset]]

    def _subject(self) -> Any:
        return self.dataset

    def _open(self) -> Dataset:
        return self.dataset(self.dataset.Params(**self.params))

    def test_gives_images_and_labels(self) -> None:
        """Each split has as many labels as images, within the classes, and as many as `count` says."""
        dataset = self._open()
        dataset.check()
        classes = dataset.classes
        for name in get_args(SplitName):
            split = dataset.split(name)
            assert len(split) == len(split.labels)
            assert dataset.count(name) in (None, len(split))
            if len(split):
                labels = set(split.labels.tolist())
                assert labels <= ({*range(len(classes))} or {-1}), f"labels of {name} outside of its classes: {labels}"
                assert split.image(0).size == split.image(0).convert("RGB").size

    def test_gives_the_same_images_again(self) -> None:
        """Opened twice, it gives the same labels and pixels: its fingerprint stands for them."""
        for name in get_args(SplitName):
            first, second = (self._open().split(name) for _ in range(2))
            assert list(first.labels) == list(second.labels)
            if len(first):
                assert first.image(len(first) - 1).tobytes() == second.image(len(first) - 1).tobytes()
