"""Targets."""

from __future__ import annotations

import os

from pydantic import Field

from edgesmith import ModelProcess, RuntimeUnavailable, Target, Timing, UserError


class Desk(Target):
    """This machine under a name that the environment gives."""

    name = "desk"

    def identity(self):
        return {"desk": os.environ.get("PLAYGROUND_DESK", "oak")}

    def open(self, launch, model, threads):
        return ModelProcess(launch, model, threads)


class Shelf(Target):
    """Where models lie: a session that needs no runtime, and tells of itself only."""

    name, own_runtime = "shelf", True

    class Params(Target.Params):
        row: int = Field(default=1, ge=1)

    def check(self):
        if self.params.row > 9:
            raise UserError("the shelf has 9 rows", hint="choose one of them")

    def identity(self):
        return {"row": self.params.row}

    def open(self, launch, model, threads):
        assert launch is None
        return Lying(model, {"row": self.params.row, "threads": threads})


class Lying:
    """A model that lies on the shelf."""

    runtime, predicts, in_turns = "shelf", False, False

    def __init__(self, model, facts):
        self.model, self.facts, self.asked = model, facts, []

    def time(self, pixels, warmup, runs):
        self.asked.append((warmup, runs))
        size = float(self.model.bytes())
        return Timing(runs, size, size, size, 0.0, {50: size, 95: size})

    def predict(self, pixels, batch=32):
        raise RuntimeUnavailable("it lies")

    def peak_bytes(self):
        return None

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
