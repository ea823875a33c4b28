"""A real adb server of the tests' own, an Android device for it, and aarch64 programs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .android import AdbDevice

HERE = Path(__file__).parent
PACKAGES = "adb qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc libc6-dev"


def need(program: str) -> None:
    """Skip, with the line to type, where a program isn't installed."""
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}: apt-get install --no-install-recommends {PACKAGES}")


@pytest.fixture
def adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The adb client with a server of this test's own, which ends with it."""
    need("adb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    monkeypatch.setenv("ADB_MDNS", "0")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    (tmp_path / "home").mkdir()
    found = shutil.which("adb")
    assert found is not None
    try:
        subprocess.run([found, "start-server"], check=True, capture_output=True, timeout=60)
        yield found
    finally:
        subprocess.run([found, "kill-server"], check=False, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile a program that stands beside this file."""
    folder = tmp_path_factory.mktemp("compiled")

    def compiled(source: str, compiler: str, *flags: str) -> Path:
        need(compiler)
        made = folder / Path(source).stem
        if not made.exists():
            subprocess.run([compiler, "-O1", *flags, "-o", str(made), str(HERE / source)], check=True, timeout=120)
        return made

    return compiled


@pytest.fixture
def tool(compiled: Callable[..., Path]) -> Path:
    """A program for aarch64 that behaves as benchmark_model."""
    need("qemu-aarch64-static")
    return compiled("benchmark_model.c", "aarch64-linux-gnu-gcc", "-static")


@pytest.fixture
def make_device(
    adb: str, tmp_path: Path, compiled: Callable[..., Path], tool: Path
) -> Iterator[Callable[..., AdbDevice]]:
    """Make devices and connect them."""
    loader = compiled("foreign_programs.c", "gcc", "-shared", "-fPIC", "-ldl")
    made: list[AdbDevice] = []

    def make(**how: object) -> AdbDevice:
        device = AdbDevice(tmp_path / f"device{len(made)}", loader, **how)  # type: ignore[arg-type]
        made.append(device)
        subprocess.run([adb, "connect", device.serial], check=True, capture_output=True, timeout=60)
        return device

    yield make
    for device in made:
        device.unplug()


@pytest.fixture
def device(make_device: Callable[..., AdbDevice]) -> AdbDevice:
    """One device."""
    return make_device()
