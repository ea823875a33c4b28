"""A model on an Android device, measured by `benchmark_model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self

from edgesmith import Model, RuntimeUnavailable, StageFailed, Timing
from edgesmith_stages.targets.adb.client import ANSWER_SECONDS, Device
from edgesmith_stages.targets.adb.output import Result, last_lines, parse
from edgesmith_stages.targets.adb.state import condition, throttled

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray


class ToolSession:
    """A session of `benchmark_model`: each call of `time` starts the tool anew, which makes its own random inputs.

    Attributes:
        facts: see `docs/targets.md`; whole once `time` was called.
    """

    runtime = "benchmark_model"
    predicts = False
    in_turns = False

    def __init__(
        self, device: Device, model: Model, tool: str, graph: str, threads: int, flags: Sequence[str], seconds: float
    ) -> None:
        """Make a session.

        Args:
            tool: path of the tool on the device.
            graph: path of the model file on the device.
            threads: of the interpreter.
            flags: further flags, for a delegate.
            seconds: most that the warm-up, and the runs, may take.
        """
        self.model = model
        self.facts: Mapping[str, Any] = {"threads": threads}
        self._device, self._seconds = device, seconds
        self._command = (tool, f"--graph={graph}", f"--num_threads={threads}", *flags)
        self._result: Result | None = None

    def time(self, pixels: NDArray[np.uint8], warmup: int, runs: int) -> Timing:
        """Run the tool once: load the model, at least one warm-up inference, then the runs.

        Raises:
            StageFailed: the tool failed, or the device went away.
        """
        before = condition(self._device)
        answer = self._device.run(
            *self._command,
            f"--warmup_runs={max(warmup, 1)}",
            f"--num_runs={runs}",
            # Without these the tool goes on for half a second, or a second, whatever the counts are.
            "--warmup_min_secs=0",
            "--min_secs=0",
            f"--max_secs={self._seconds:g}",
            seconds=2 * self._seconds + 4 * ANSWER_SECONDS,
        )
        if answer.code:
            how = f"ended by signal {answer.code - 128}" if answer.code > 128 else f"exit status {answer.code}"
            raise StageFailed(
                f"benchmark_model failed on {self._device.serial} ({how}){last_lines(answer.text)}",
                hint="these are the tool's last lines; is it built for this device's processor, and is memory enough?",
            )
        result = parse(answer.text)
        after = condition(self._device)
        self._result = result
        told = {
            "load_ms": result.load_ms,
            "first_ms": result.first_ms,
            "warmup_ms": result.warmup_ms,
            "runs": result.timing.runs,
            "delegated": result.delegated,
            "init_mb": result.init_mb,
            "overall_mb": result.overall_mb,
            "throttled": throttled(before, after),
        }
        self.facts = {
            **self.facts,
            **{name: value for name, value in told.items() if value is not None},
            "before": before,
            "after": after,
        }
        return result.timing

    def predict(self, pixels: NDArray[np.uint8], batch: int = 32) -> NoReturn:
        """Refuse: the tool gives no outputs."""
        raise RuntimeUnavailable("benchmark_model measures only; evaluate the model on this machine")

    def peak_bytes(self) -> int | None:
        """How much the tool's resident memory grew in all, in bytes; None where it doesn't tell."""
        if self._result is None or not self._result.overall_mb:
            return None
        return int(self._result.overall_mb * 2**20)

    def close(self) -> None:
        """Do nothing: the tool ends with each call, and the files stay for the next session."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
