"""What all measurements of one node share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgesmith import Cancelled, Context, EdgesmithError, Model, RuntimeUnavailable, Session, TargetRef, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgesmith_stages.images import Images

Row = dict[str, Any]

FEW = 4
"""Distinct images to time with for long: enough to be no single odd one, few enough to pass quickly each time."""


@dataclass(frozen=True)
class Setting:
    """Where and on what models run.

    Attributes:
        threads: that each model runs on.
    """

    ctx: Context
    images: Images
    target: TargetRef
    threads: int

    def open(self, model: Model) -> Session:
        """Load a model in a fresh process on the target."""
        return self.ctx.open(model, threads=self.threads, target=self.target)

    def pixels(self, model: Model, count: int = FEW) -> NDArray[np.uint8]:
        """Return images for a model, uint8 [N, H, W, C]: at least one file batch."""
        return self.images.pixels(model.contract)[: max(count, model.contract.batch or 1)]

    def go_on(self) -> None:
        """Raise Cancelled if the run is being interrupted."""
        if self.ctx.cancelled:
            raise Cancelled("the run was interrupted")


@contextlib.contextmanager
def noted(row: Row, ctx: Context, figure: str = "status") -> Iterator[None]:
    """Note in a model's row why it could not be run, or failed; the other models go on.

    What failed may work the next time (a phone was unplugged, memory was short), so that the result is provisional;
    a user's mistake stays one. What could not be run can't without another target or runtime, and these are part of the
    node's key.
    """
    try:
        yield
    except Cancelled:
        raise
    except RuntimeUnavailable as reason:
        row[figure] = f"not run: {reason.message}"
    except EdgesmithError as error:
        ctx.log.warning("%s", error)
        row[figure] = f"failed: {error.message.splitlines()[0]}"
        if not isinstance(error, UserError):
            ctx.provisional(str(row[figure]))
