"""What all tests share: nothing is written outside of temporary folders, and hypothesis repeats itself."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import absl.logging
import hypothesis
import pytest

# The many processes that tests start would each compile their libraries again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Read when torch is first imported: tests run side by side, and spinning threads would fight for the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# absl closes the stream that it logs to when somebody configures logging anew, as Prefect does: pytest's, in a test.
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__

hypothesis.settings.register_profile("edgesmith", deadline=None, database=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("edgesmith")

TESTS = Path(__file__).parent


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for servers and processes most of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start files that take long first, as `slow(SECONDS)` tells, so that none is left while other workers idle."""
    seconds: Counter[Path] = Counter()
    for item in items:
        mark = item.get_closest_marker("slow")
        seconds[item.path] += (mark.args or (5,))[0] if mark else 0.02
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep Prefect's database and edgesmith's store out of the user's and the repository's folders.

    Temporary files of converters, and of what tests kill, go at the end. Their folder is none of pytest's, whose paths
    are too long for the sockets that some programs make there.
    """
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    with (
        tempfile.TemporaryDirectory(prefix="edgesmith-tests-", ignore_cleanup_errors=True) as temporary,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(temporary).chmod(0o755)  # some tests let others look, as they may at /tmp
        patch.setenv("TMPDIR", temporary)
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("EDGESMITH_STORE", str(tmp_path_factory.mktemp("store")))
        patch.delenv("PREFECT_API_URL", raising=False)
        yield


@pytest.fixture(scope="session")
def playground() -> ModuleType:
    """The playground package, with its modules as attributes."""
    from edgesmith_flows.registry import load_registry

    load_registry(["playground.plugin"], TESTS)
    return importlib.import_module("playground")


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run code in a fresh interpreter and return what it prints."""

    def run(code: str, *arguments: str, **env: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **env},
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def demo_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/demo_plugin, installed as a distribution of its own; put the folder on PYTHONPATH."""
    import shutil

    from uv import find_uv_bin

    source = tmp_path_factory.mktemp("demo-source") / "demo_plugin"
    shutil.copytree(TESTS / "demo_plugin", source, ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path_factory.mktemp("demo-site")
    command = [
        os.fsdecode(find_uv_bin()),
        "pip",
        "install",
        "--quiet",
        "--no-config",
        "--no-deps",
        "--target",
        str(place),
    ]
    done = subprocess.run(
        [*command, "--python", sys.executable, str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="session")
def author(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A plugin author's machine: runs shell commands in a fresh environment that holds edgesmith.

    Its libraries are lent by this environment, and uv is told to leave dependencies alone: both would take minutes.
    """
    from uv import find_uv_bin

    home = tmp_path_factory.mktemp("author")
    environment = home / ".venv"
    uv = os.fsdecode(find_uv_bin())
    (home / "uv.toml").write_text("[pip]\nno-deps = true\n")
    env = {
        **os.environ,
        "UV_CONFIG_FILE": str(home / "uv.toml"),
        "VIRTUAL_ENV": str(environment),
        "PATH": os.pathsep.join([str(environment / "bin"), str(Path(uv).parent), os.environ["PATH"]]),
        "EDGESMITH_STORE": str(home / "store"),
    }

    def run(command: str, folder: Path = home) -> str:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=580
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    run(f"uv venv --quiet --python {sys.executable} {environment}")
    site = Path(run("python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))'").strip())
    lender = Path(pytest.__file__).parent.parent
    (site / "lent.pth").write_text(f"import site; site.addsitedir({str(lender)!r})\n")
    run(f"uv pip install --quiet --editable {TESTS.parent}")
    return run
