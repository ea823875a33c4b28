"""A runtime."""

from __future__ import annotations

from edgesmith import Runtime

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
