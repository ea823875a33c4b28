"""Targets: where a benchmark runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from edgesmith.artifacts import Model
    from edgesmith.process import Launch
    from edgesmith.refs import TargetRef
    from edgesmith.session import Session


@dataclass(frozen=True)
class WorkPool:
    """A Prefect work pool, one of whose workers makes a node on its own machine.

    Attributes:
        name: the work pool's.
        target: where the node's models run, as that machine sees it.
        patience: seconds that no worker may be online before the node fails.
    """

    name: str
    target: TargetRef
    patience: float


class Target:
    """A machine or device that runs models.

    Class attributes:
        own_runtime: models run in a runtime that the target brings, not in one of this machine's: `open` gets None for
            `launch`, and no runtime of this machine goes into the key.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    own_runtime: ClassVar[bool] = False

    class Params(BaseModel):
        """The target's params (`target: {name: lab, board: 3}`); subclass to add some, each with a default."""

        model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def __init__(self, params: Any = None) -> None:
        self.params: Any = self.Params() if params is None else params

    def check(self) -> None:
        """Raise UserError for what can be seen to be wrong with the params before the run, without the device."""

    def work_pool(self) -> WorkPool | None:
        """Return the work pool that a node with this target is handed to, as a whole; None if the node runs here.

        Then neither `identity` nor `open` is called here: they are those of the target on the machine that answers.
        """
        return None

    def identity(self) -> Mapping[str, Any]:
        """Return a JSON mapping that names the machine for the benchmark's key: processor, cores, system.

        Params that change what is measured (a delegate, a tool's digest) belong in it; paths and serial numbers don't.
        """
        raise NotImplementedError

    def open(self, launch: Launch, model: Model, threads: int) -> Session:
        """Load a model there, in a fresh process: return a `ModelProcess`, or any other `Session`.

        Args:
            launch: how to start this machine's runtime for the model; None where `own_runtime`.
            model: the artifact.
            threads: how many it may use.

        Raises:
            RuntimeUnavailable: it can't run models of this kind.
        """
        raise NotImplementedError


def make_target(cls: type[Target], params: Mapping[str, Any]) -> Target:
    """Make a target with params as a pipeline gives them beside its name.

    Raises:
        pydantic.ValidationError: they don't fit.
    """
    checked = cls.Params(**params)
    # One without params may have an `__init__` of its own, which takes nothing.
    return cls(checked) if cls.Params.model_fields else cls()
