"""Run commands one at a time and take their wall and CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


class CommandFailed(Exception):
    """A measured command failed, or did something other than what was to be measured."""


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall time, and of CPU time with all child processes it waited for."""

    wall: float
    cpu: float


@dataclass
class Series:
    """Runs of one contender."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The least wall time: what a quiet machine would show most of the time."""
        return min(sample.wall for sample in self.samples)

    @property
    def middle(self) -> float:
        """The median wall time."""
        return median(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """The least CPU time."""
        return min(sample.cpu for sample in self.samples)

    def __str__(self) -> str:
        return f"{self.best:.2f} / {self.middle:.2f} s, CPU {self.cpu:.2f}"


@dataclass(frozen=True)
class Command:
    """A process to measure.

    Attributes:
        proof: what its output must hold; without it the run did not do what is measured.
    """

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    proof: str = ""

    def run(self) -> Sample:
        """Run it to its end.

        Raises:
            CommandFailed: it failed, or its output lacks the proof.
        """
        sample, output = self.output()
        if self.proof not in output:
            raise CommandFailed(f"{self.argv[0]}: expected {self.proof!r} in its output:\n{_tail(output)}")
        return sample

    def output(self) -> tuple[Sample, str]:
        """Run it to its end; return its times and what it printed on both streams."""
        with tempfile.TemporaryFile() as stream:
            begun = time.perf_counter()
            process = subprocess.Popen(
                list(self.argv),
                cwd=self.folder,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            stream.seek(0)
            output = stream.read().decode(errors="replace")
        if process.returncode:
            raise CommandFailed(f"{self.argv[0]} ended with {process.returncode}:\n{_tail(output)}")
        return Sample(wall, usage.ru_utime + usage.ru_stime), output


def _tail(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-15:])


def interleave(contenders: Mapping[str, Callable[[], Sample]], rounds: int, *, warm: bool = True) -> dict[str, Series]:
    """Run contenders in turns, A B C A B C, so that what else the machine does hits all alike.

    Args:
        warm: run each once beforehand, unmeasured: bytecode, page cache.
    """
    found: dict[str, Series] = {name: Series() for name in contenders}
    for number in range(-1 if warm else 0, rounds):
        for name, run in contenders.items():
            sample = run()
            if number >= 0:
                found[name].samples.append(sample)
        note(f"  round {max(number + 1, 0)} of {rounds}")
    return found


def note(text: str) -> None:
    """Tell how far the benchmark is."""
    print(text, file=sys.stderr, flush=True)
