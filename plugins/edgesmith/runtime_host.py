"""The far side of `edgesmith.process.ModelProcess`: one model, one runtime, one process."""

from __future__ import annotations

import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from edgesmith.channel import Channel
from edgesmith.errors import EdgesmithError
from edgesmith.loading import load_object


def peak_bytes() -> int:
    """Peak resident memory of this process image in bytes.

    On Linux it is VmHWM: `ru_maxrss` there keeps the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _involuntary_switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


class Host:
    """Answers one parent's requests about one model."""

    def __init__(self) -> None:
        self.runtime: Any = None

    def load(self, runtime: str, kind: str, path: str, threads: int) -> dict[str, Any]:
        """Import the runtime, then load the model; only the second is timed."""
        model = load_object(kind)(Path(path))
        self.runtime = load_object(runtime)()
        begun = time.perf_counter_ns()
        self.runtime.load(model, threads)
        load_ms = (time.perf_counter_ns() - begun) / 1e6
        return {"load_ms": load_ms, "peak_bytes": peak_bytes(), "threads": threads}

    def predict(self, input: str, output: str, batch: int) -> dict[str, Any]:
        """Run all rows of a .npy file in batches; the last one is padded where the size is fixed."""
        import numpy as np

        rows = np.load(input, allow_pickle=False)
        parts = []
        for begin in range(0, len(rows), batch):
            part = rows[begin : begin + batch]
            kept = len(part)
            if kept < batch:
                part = np.concatenate([part, np.repeat(part[-1:], batch - kept, axis=0)])
            parts.append(np.asarray(self.runtime.predict(part), dtype=np.float32)[:kept])
        np.save(output, np.concatenate(parts), allow_pickle=False)
        return {}

    def tap(self, input: str, folder: str) -> dict[str, Any]:
        """Run all rows of a .npy file at once; save the input and each result as `0.npy`, `1.npy`, ... in `folder`."""
        import numpy as np

        from edgesmith.runtime import Tap

        rows = np.load(input, allow_pickle=False)
        seen: list[dict[str, str]] = []

        def see(tap: Tap) -> None:
            value = np.asarray(tap.value)
            if value.dtype.kind == "f" and value.size:
                np.save(Path(folder, f"{len(seen)}.npy"), value, allow_pickle=False)
                seen.append({"name": tap.name, "op": tap.op})

        see(Tap("input", "input", rows.astype(np.float32)))
        self.runtime.tap(rows, see)
        return {"taps": seen}

    def pin(self, cpu: int) -> dict[str, Any]:
        """Stay on one of the processors, where the system lets a process choose; tell whether it does."""
        if not hasattr(os, "sched_setaffinity"):
            return {"pinned": False}
        try:
            os.sched_setaffinity(0, {cpu})
        except OSError:
            return {"pinned": False}
        return {"pinned": True}

    def time(self, input: str, warmup: int, runs: int, batch: int) -> dict[str, Any]:
        """Time single runs: by the clock, by the CPU time of all threads, and how often each was pushed off the CPU."""
        import numpy as np

        rows = np.load(input, allow_pickle=False)
        feeds = [rows[i : i + batch] for i in range(0, len(rows) - batch + 1, batch)]
        for i in range(warmup):
            self.runtime.timed(feeds[i % len(feeds)])
        taken, spent, pushed = [], [], []
        for i in range(runs):
            feed = feeds[i % len(feeds)]
            switches = _involuntary_switches()
            spent_before = time.process_time_ns()
            taken.append(int(self.runtime.timed(feed)))
            spent.append(time.process_time_ns() - spent_before)
            pushed.append(_involuntary_switches() - switches)
        return {"ns": taken, "cpu_ns": spent, "switches": pushed}

    def facts(self) -> dict[str, Any]:
        """What the runtime tells of the model as loaded."""
        return dict(self.runtime.facts())

    def memory(self) -> dict[str, Any]:
        """Peak memory so far."""
        return {"peak_bytes": peak_bytes()}


def serve(channel: Channel) -> None:
    """Answer until the parent hangs up."""
    host = Host()
    while (message := channel.receive()) is not None:
        operation = message.pop("op")
        try:
            reply = getattr(host, operation)(**message)
        except Exception as error:  # whatever a runtime raises is the parent's to report
            traceback.print_exc()
            told = isinstance(error, EdgesmithError)  # written for the user, who needs no Python of it
            reply = {"error": str(error) if told else f"{type(error).__name__}: {error}"}
        channel.send(reply)


if __name__ == "__main__":
    serve(Channel.inherited(int(sys.argv[1])))
