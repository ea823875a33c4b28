"""The `pool` target: a machine behind a Prefect work pool, such as a Mac with an iPhone or a board in a lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from edgesmith import Launch, Model, RuntimeUnavailable, Session, Target, TargetRef, UserError, WorkPool


class Pool(Target):
    """A worker of a Prefect work pool makes the whole node on its own machine, with its own runtimes.

    Inputs and report travel through the remote store; the pipeline waits, and shows what is said there. The key is the
    one that the node would have there, so that the work pool's name is no part of it (docs/targets.md).
    """

    name, version = "pool", "1"

    class Params(Target.Params):
        """Which work pool, and what runs models there."""

        pool: str = Field(default="edgesmith", min_length=1, description="the Prefect work pool")
        target: TargetRef = Field(
            default=TargetRef(name="host"), description="where models run there: a target of that machine, with params"
        )
        patience: float = Field(
            default=600, gt=0, allow_inf_nan=False, description="seconds that no worker may be online before it fails"
        )

    def check(self) -> None:
        """Refuse a work pool behind a work pool."""
        if self.params.target.name == self.name:
            raise UserError(f"the target of {self.name!r} is {self.name!r} again", hint="name one that is there: host")

    def work_pool(self) -> WorkPool:
        """Return the pool that the node goes to."""
        return WorkPool(self.params.pool, self.params.target, self.params.patience)

    def identity(self) -> Mapping[str, Any]:
        """Refuse: only the machine that answers can tell."""
        raise UserError("it is the machine that answers that tells what it is")

    def open(self, launch: Launch, model: Model, threads: int) -> Session:
        """Refuse: the node goes there as a whole."""
        raise RuntimeUnavailable("models are run by the machine that answers")
