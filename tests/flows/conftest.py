"""An engine to try: a store, the playground plugin, and warm workers; no Prefect."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgesmith.errors import EdgesmithError
from edgesmith_flows.cli.main import main
from edgesmith_flows.execute import Executor
from edgesmith_flows.identity import Identities
from edgesmith_flows.outcome import NodeResult
from edgesmith_flows.pipeline import Pipeline
from edgesmith_flows.plan import Plan, make_plan
from edgesmith_flows.registry import Registry, load_registry
from edgesmith_flows.resolve import resolve
from edgesmith_flows.store import Store
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.worker.client import WorkerPool
from edgesmith_flows.yaml_source import load_yaml

TESTS = Path(__file__).parent.parent


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    begun: list[str] = field(default_factory=list)
    logs: list[tuple[str, str, str]] = field(default_factory=list)
    figures: list[tuple[str, float, float, Mapping[str, Any]]] = field(default_factory=list)
    results: list[NodeResult] = field(default_factory=list)

    def started(self, node: str) -> None:
        self.begun.append(node)

    def progressed(self, node: str, done: float, total: float, figures: Mapping[str, Any]) -> None:
        self.figures.append((node, done, total, figures))

    def logged(self, node: str, level: str, text: str) -> None:
        self.logs.append((node, level, text))

    def ended(self, result: NodeResult) -> None:
        self.results.append(result)


@dataclass
class Run:
    """What came of `Engine.run`."""

    executor: Executor
    heard: Heard

    @property
    def states(self) -> dict[str, str]:
        return {name: result.state for name, result in self.executor.results.items()}

    @property
    def errors(self) -> dict[str, EdgesmithError]:
        return {name: result.error for name, result in self.executor.results.items() if result.error}

    def error(self, name: str) -> str:
        return str(self.errors[name])

    def figures(self, name: str) -> Mapping[str, Any]:
        action = self.executor.results[name].action
        assert action is not None
        return action.figures

    def output(self, name: str, port: str = "text") -> Path:
        """The folder of a node's artifact."""
        action = self.executor.results[name].action
        assert action is not None
        return self.executor.store.artifact_folder(action.outputs[port]) / "files"

    def text(self, name: str, port: str = "text") -> str:
        return (self.output(name, port) / "text.txt").read_text()


@dataclass
class Engine:
    """Plans and runs pipelines, node after node."""

    folder: Path
    registry: Registry
    pool: WorkerPool
    toolchains: Toolchains

    def __post_init__(self) -> None:
        self.store = Store.open(self.folder / "store")

    def resolve(self, text: str, overrides: Mapping[str, Any] | None = None) -> Pipeline:
        """Check a pipeline; a text without `stages:` is taken for what stands below it."""
        text = textwrap.dedent(text)
        if "stages:" not in text:
            text = "name: tiny\nstages:\n" + textwrap.indent(text, "  ")
        file = self.folder / "pipeline.yaml"
        file.write_text(text)
        return resolve(load_yaml(file), self.registry, overrides)

    def identities(self, pipeline: Pipeline) -> Identities:
        return Identities(self.registry, self.toolchains, self.store.memo(), pipeline.seed)

    def plan(self, text: str, only: set[str] | None = None, force: set[str] | None = None, **overrides: Any) -> Plan:
        pipeline = self.resolve(text, overrides)
        return make_plan(pipeline, self.store, self.identities(pipeline), only=only, force=force)

    def key(self, text: str, node: str = "a", **overrides: Any) -> str:
        """The key of a node that needs no other."""
        key = self.plan(text, **overrides).steps[node].key
        assert key is not None
        return key

    def executor(self, text: str, force: set[str] | None = None, pool: WorkerPool | None = None) -> Executor:
        pipeline = self.resolve(text)
        identities = self.identities(pipeline)
        plan = make_plan(pipeline, self.store, identities, force=force)
        return Executor(plan, self.store, self.registry, identities, pool or self.pool, Heard(), force=force or set())

    def run(self, text: str, force: set[str] | None = None) -> Run:
        """Make every node that can be made."""
        executor = self.executor(text, force)
        for name, step in executor.plan.steps.items():
            if any(executor.results[need].action is None for need in step.node.upstream):
                executor.skip(name)
                continue
            try:
                executor.make(name)
            except EdgesmithError:
                continue
        executor.identities.memo.save()
        assert isinstance(executor.listener, Heard)
        return Run(executor, executor.listener)


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    import psutil

    yield
    left = []
    for child in psutil.Process().children(recursive=True):
        # A process may end, or wait to be reaped, between being listed and being asked.
        with contextlib.suppress(psutil.NoSuchProcess):
            left.append(child.cmdline())
    assert not [command for command in left if any("edgesmith" in word for word in command)]


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The installed plugins and the playground."""
    return load_registry(["playground.plugin"], TESTS)


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    """Warm workers for the playground."""
    pool = WorkerPool(tmp_path_factory.mktemp("logs"))
    yield pool
    pool.stop()


@pytest.fixture(scope="session")
def toolchains(tmp_path_factory: pytest.TempPathFactory) -> Toolchains:
    return Toolchains(tmp_path_factory.mktemp("toolchains"), offline=True)


@pytest.fixture
def engine(tmp_path: Path, registry: Registry, pool: WorkerPool, toolchains: Toolchains) -> Engine:
    """An engine with an empty store."""
    return Engine(tmp_path, registry, pool, toolchains)


@pytest.fixture(scope="module")
def shared_engine(
    tmp_path_factory: pytest.TempPathFactory, registry: Registry, pool: WorkerPool, toolchains: Toolchains
) -> Engine:
    """An engine for all tests of a module."""
    return Engine(tmp_path_factory.mktemp("engine"), registry, pool, toolchains)


@dataclass
class Copy:
    """A copy of the playground under a name of its own, to be edited."""

    name: str
    folder: Path
    engine: Engine

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of one of its files, and load it again."""
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        self.load()

    def load(self) -> None:
        self.forget()
        self.engine.registry = load_registry([f"{self.name}.plugin"], self.folder.parent)

    def forget(self) -> None:
        for module in [one for one in sys.modules if one.partition(".")[0] == self.name]:
            del sys.modules[module]


@pytest.fixture
def playground(tmp_path: Path, toolchains: Toolchains) -> Iterator[Copy]:
    """A copy of the playground with an engine and a pool of its own."""
    name = f"playground_{uuid.uuid4().hex[:8]}"
    shutil.copytree(TESTS / "playground", tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "logs").mkdir()
    pool = WorkerPool(tmp_path / "logs")
    copy = Copy(name, tmp_path / name, Engine(tmp_path, Registry(), pool, toolchains))
    with pytest.MonkeyPatch.context() as patch:
        # Edits within one second of each other must not meet stale bytecode.
        patch.setattr(sys, "dont_write_bytecode", True)
        copy.load()
        yield copy
    pool.stop()
    copy.forget()


@dataclass
class Answer:
    """What a command gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's project folder, as working directory: the playground as local plugin, a store, no pipeline yet."""
    folder = tmp_path / "project"
    shutil.copytree(TESTS / "playground", folder / "playground", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").write_text('[tool.edgesmith]\nplugins = ["playground.plugin"]\n')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("EDGESMITH_STORE", str(tmp_path / "store"))
    return folder


@pytest.fixture
def call(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Call the command line in this process, in the project's folder."""

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["edgesmith", *arguments])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Answer(code, *capfd.readouterr())

    return call


@pytest.fixture
def edgesmith(project: Path) -> Callable[..., Answer]:
    """Run the `edgesmith` command in the project's folder, as a user would."""

    def run(*arguments: str, **env: str) -> Answer:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("edgesmith")), *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "200", **env},
            check=False,
            timeout=300,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run
