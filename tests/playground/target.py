"""A target."""

from __future__ import annotations

import os

from edgesmith import ModelProcess, Target


class Desk(Target):
    """This machine under a name that the environment gives."""

    name = "desk"

    def identity(self):
        return {"desk": os.environ.get("PLAYGROUND_DESK", "oak")}

    def open(self, launch, model, threads):
        return ModelProcess(launch, model, threads)
