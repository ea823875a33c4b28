"""A runtime."""

from __future__ import annotations

import hashlib
import time

from edgesmith import Runtime, Tap, UserError

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
        if text == "refuse":
            raise UserError("this sign is upside down", hint="turn it round")
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


class LabourRuntime(SignRuntime):
    """Runs signs that say how they work: `2.0 steady 20`, `2.0 tiring 20`, `2.0 leaky 20`, `2.0 picky 20`.

    The number of blocks that each run hashes grows with time for one that tires; a leaky one keeps 20 kB a run; a picky
    one takes the size of its contract only. The answer is one of the contract's classes. Not among the plugin's own.
    """

    name = "labourer"

    def load(self, model, threads):
        factor, self.mood, work = model.file.read_text().split()
        self.factor, self.work = float(factor), int(work)
        self.size, self.classes = model.contract.size, len(model.contract.classes)
        self.born, self.kept = None, []

    def predict(self, batch):
        import numpy as np

        if self.mood == "picky" and batch.shape[2:] != self.size:
            raise ValueError(f"Got: {batch.shape[2]} Expected: {self.size[0]}")
        self.born = self.born or time.monotonic()
        blocks = self.work * (1 + (time.monotonic() - self.born if self.mood == "tiring" else 0))
        for _ in range(int(blocks)):
            hashlib.sha256(b"x" * 65536).digest()
        if self.mood == "leaky":
            self.kept.append(b"x" * 20_000)
        answer = (batch.reshape(len(batch), -1).mean(axis=1) * self.factor).astype(int) % self.classes
        return np.eye(self.classes, dtype=np.float32)[answer]
