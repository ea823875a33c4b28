"""How a process ended is told in words."""

import signal
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import pytest

from edgesmith.postmortem import Death, Watch


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (3, "exit code 3"),
        (-signal.SIGABRT, "SIGABRT (it aborted)"),
        (-signal.SIGSEGV, "SIGSEGV (a crash in native code)"),
        (-signal.SIGTERM, "SIGTERM"),
        (-99, "signal 99"),
    ],
)
def test_exit_codes_and_signals_are_named(code, told):
    assert str(Death(code, 2**30)) == told


@pytest.fixture
def death_of(python):
    """Tells how a child that runs some code died; its parent is a fresh, small interpreter."""
    code = (
        "import subprocess, sys; from edgesmith.postmortem import Watch; watch = Watch()\n"
        "death = watch.death(subprocess.Popen([sys.executable, '-c', sys.argv[1], *sys.argv[2:]]))\n"
        "print(death.starved, death.peak_bytes >> 20, death, death.hint, sep='|')"
    )

    def told(child, *arguments):
        starved, peak, text, hint = python(code, child, *arguments).split("|")
        return starved == "True", int(peak), text, hint

    return told


def test_a_killed_process_is_told_with_its_peak_memory(death_of):
    code = "import os, signal; block = b'x' * (200 << 20); os.kill(os.getpid(), signal.SIGKILL)"
    starved, peak, text, _ = death_of(code)
    assert not starved
    assert 200 < peak < 300
    assert text == f"SIGKILL, with a peak of {peak} MiB of memory"


def test_a_child_that_stayed_smaller_than_its_parent_is_told_without():
    block = b"x" * (64 << 20)
    watch = Watch()
    death = watch.death(subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]))
    assert death == Death(-signal.SIGKILL)
    del block


def test_a_process_that_somebody_else_waited_for_is_told_without():
    watch = Watch()
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(4)"])
    process.wait()
    assert watch.death(process) == Death(4)


@pytest.fixture
def small_memory():
    """A control group with 64 MiB of memory; its file of members."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"edgesmith-test-{uuid.uuid4().hex}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(64 << 20))
        except OSError:
            group.rmdir()
            continue
        yield group / "cgroup.procs"
        group.rmdir()
        return
    pytest.skip("control groups of memory can't be made here")


def test_the_out_of_memory_killer_is_told_with_the_peak(small_memory, death_of):
    code = textwrap.dedent("""
        import sys
        open(sys.argv[1], "w").write("0")
        blocks = [bytearray(b"x" * (4 << 20)) for _ in range(100)]
        """)
    starved, peak, text, hint = death_of(code, str(small_memory))
    assert starved
    assert text.startswith("the system's out-of-memory killer took it, with a peak of ")
    assert "smaller batch or image size" in hint
    assert 30 < peak < 80
