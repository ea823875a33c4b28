"""A runtime."""

from __future__ import annotations

from edgesmith import Runtime, Tap

from .kinds import Sign


class SignRuntime(Runtime):
    """Runs signs with NumPy."""

    name, version = "sign-runner", "1"
    accepts = (Sign,)
    requirements = ("numpy",)

    def load(self, model, threads):
        text = model.file.read_text()
        if text == "die":
            import os

            print("the sign fell down", flush=True)
            os._exit(7)
        self.factor = float(text)

    def predict(self, batch):
        return batch.reshape(len(batch), -1).mean(axis=1, keepdims=True) * self.factor

    def tap(self, batch, see):
        mean = batch.reshape(len(batch), -1).mean(axis=1, keepdims=True, dtype="float32")
        see(Tap("value", "ReduceMean", mean))
        see(Tap("count", "Size", (mean * 0).astype("int32")))
        see(Tap("value", "Mul", mean * self.factor))


class SilentRuntime(Runtime):
    """Runs signs and shows nothing of how; not among the plugin's own."""

    name = "silent-runner"
    accepts = (Sign,)

    def load(self, model, threads):
        pass


class ClockRuntime(SignRuntime):
    """Runs signs by a clock of its own, and tells what it knows of them; not among the plugin's own."""

    name = "clock-runner"

    def timed(self, batch):
        self.predict(batch)
        return 1_000_000 * len(batch)

    def facts(self):
        return {"factor": self.factor}
