"""A model loaded in a fresh process of its runtime."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from edgesmith.channel import start
from edgesmith.errors import StageFailed
from edgesmith.loading import object_name
from edgesmith.postmortem import Watch
from edgesmith.runtime import Tap

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from edgesmith.artifacts import Model

_CHUNK_PIXELS = 2**24
"""Values that are normalised, written and read at once: 64 MiB as float32, of which a few copies are made."""


@dataclass(frozen=True)
class Launch:
    """How to start a runtime.

    Attributes:
        name: the runtime's name, as tables show it.
        runtime: its class, as `package.module:Class`.
        python: the interpreter of the environment that meets its requirements.
        bridge: packages that this interpreter must be lent (see `edgesmith.boot`).
    """

    name: str
    runtime: str
    python: str
    bridge: Mapping[str, str] = field(default_factory=dict)


class Sample(NamedTuple):
    """One measured run.

    Attributes:
        ns: nanoseconds by the clock.
        cpu_ns: nanoseconds of CPU time, of all the process' threads.
        switches: how often the system took the CPU away from it.
    """

    ns: int
    cpu_ns: int
    switches: int


class ModelProcess:
    """A model in its runtime, alone in a process: use it as a context manager.

    Attributes:
        runtime: the runtime's name.
        facts: what the process told after loading: `load_ms` (cold load), `peak_bytes`, `threads`; once it was timed,
            what the runtime tells of the model, too (see `Runtime.facts`).
        predicts, in_turns: it does both (see `edgesmith.Session`).
    """

    predicts: ClassVar[bool] = True
    in_turns: ClassVar[bool] = True

    def __init__(self, launch: Launch, model: Model, threads: int) -> None:
        self.runtime = launch.name
        self.model = model
        self._told = False
        self._work = tempfile.TemporaryDirectory(prefix="edgesmith-")
        self._log = Path(self._work.name, "log")
        env = os.environ | {
            name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        }
        self._watch = Watch()
        with self._log.open("wb") as output:
            self._process, self._channel = start(
                launch.python, launch.bridge, "edgesmith.runtime_host", output=output, env=env
            )
        try:
            self.facts = self._ask(
                op="load",
                runtime=launch.runtime,
                kind=object_name(type(model)),
                path=str(model.path),
                threads=threads,
            )
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def predict(self, pixels: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float32]:
        """Run the model on images.

        Args:
            pixels: uint8 [N, H, W, C], as `InputContract.pixels` gives them.
            batch: how many at once, where the model file allows it.

        Returns:
            float32 [N, classes]: the file's output (see `InputContract.output`).
        """
        import numpy as np

        source, result = Path(self._work.name, "in.npy"), Path(self._work.name, "out.npy")
        size = self.model.contract.batch or batch
        # Whole batches, so that the split into chunks decides no rounding.
        step = size * max(1, _CHUNK_PIXELS // max(1, size * pixels[:1].size))
        parts = []
        for begin in range(0, len(pixels), step):
            np.save(source, self.model.contract.feed(pixels[begin : begin + step]), allow_pickle=False)
            self._ask(op="predict", input=str(source), output=str(result), batch=size)
            parts.append(np.asarray(np.load(result, allow_pickle=False), dtype=np.float32))
        return np.concatenate(parts)

    def tap(self, pixels: NDArray[np.uint8]) -> list[Tap]:
        """Run the model once and return what each operation gave, the file's input first.

        Args:
            pixels: uint8 [N, H, W, C], N being the file's batch size; any where it is open.

        Returns:
            The results in order, under names of their own. Their values are mapped from files, and read when used.

        Raises:
            StageFailed: the runtime doesn't show them (see `Runtime.can_tap`), or the run failed.
        """
        import numpy as np

        source = Path(self._work.name, "tap.npy")
        np.save(source, self.model.contract.feed(pixels), allow_pickle=False)
        with tempfile.TemporaryDirectory(dir=self._work.name) as folder:
            shown = self._ask(op="tap", input=str(source), folder=folder)["taps"]
            # A mapped file lives on until nobody maps it.
            values = [np.load(Path(folder, f"{i}.npy"), mmap_mode="r", allow_pickle=False) for i in range(len(shown))]
        names = distinct([one["name"] for one in shown])
        return [Tap(name, one["op"], value) for name, one, value in zip(names, shown, values, strict=True)]

    def time(self, pixels: NDArray[np.uint8], warmup: int, runs: int) -> list[int]:
        """Run single-stream and return one latency in nanoseconds per run.

        Args:
            pixels: uint8 [N, H, W, C]; used in turn, one file batch (at least one image) a run.
            warmup: unmeasured runs before.
            runs: measured runs.
        """
        return [sample.ns for sample in self.sample(pixels, warmup, runs)]

    def sample(self, pixels: NDArray[np.uint8], warmup: int, runs: int) -> list[Sample]:
        """Run single-stream as `time` does, and tell of each run what else can be known of it."""
        import numpy as np

        if not self._told:
            self.facts |= self._ask(op="facts")
            self._told = True
        source = Path(self._work.name, "time.npy")
        np.save(source, self.model.contract.feed(pixels), allow_pickle=False)
        size = self.model.contract.batch or 1
        reply = self._ask(op="time", input=str(source), warmup=warmup, runs=runs, batch=size)
        columns = zip(reply["ns"], reply["cpu_ns"], reply["switches"], strict=True)
        return [Sample(int(ns), int(cpu_ns), int(switches)) for ns, cpu_ns, switches in columns]

    def pin(self, cpu: int) -> bool:
        """Keep the process on one of the processors; return False where the system doesn't let it."""
        return bool(self._ask(op="pin", cpu=cpu)["pinned"])

    def peak_bytes(self) -> int:
        """Peak resident memory of the process so far, in bytes."""
        return int(self._ask(op="memory")["peak_bytes"])

    def _ask(self, **message: Any) -> dict[str, Any]:
        with contextlib.suppress(OSError):
            self._channel.send(message)
        reply = self._channel.receive()
        if reply is None:
            death = self._watch.death(self._process)
            raise StageFailed(
                f"the {self.runtime} process died in {message['op']!r}: {death}\n{self._last_lines()}",
                hint=death.hint or "the lines above are the last that the process wrote",
            )
        if "error" in reply:
            raise StageFailed(f"{self.runtime}: {reply['error']}")
        return reply

    def _last_lines(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-20:])
        return ""

    def close(self) -> None:
        """End the process and remove its files."""
        self._channel.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._work.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def distinct(names: Iterable[str]) -> list[str]:
    """Number names that come again: `act`, `act#2`, `act#3`."""
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return found
