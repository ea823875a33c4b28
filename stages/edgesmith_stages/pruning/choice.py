"""The widths to prune to: as a report that another stage reads, or by a ratio, or by a budget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edgesmith import Context, Report, UserError
from edgesmith_stages.pruning.widths import Width, Widths

if TYPE_CHECKING:
    import torch
    from torch import nn

    from edgesmith_stages.pruning.channels import Plan
    from edgesmith_stages.pruning.widths import Group

LATENCY = (
    "latency is measured, and pruning must not depend on the machine that it runs on: find the widths with the stage "
    "`tune-pruning` (`with: {latency: 0.65}`), and connect them: `needs: {model: MODEL, widths: TUNED.widths}`"
)


class Target(BaseModel):
    """What may be left: exactly one of these."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    macs: float | None = Field(default=None, gt=0, lt=1, description="share of the multiply-accumulates")
    params: float | None = Field(default=None, gt=0, lt=1, description="share of the parameters")

    @model_validator(mode="before")
    @classmethod
    def _refer_latency(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "latency" in value:
            raise ValueError(LATENCY)
        return value

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of `macs` and `params`, not {' and '.join(given) or 'none'}")
        return self

    @property
    def what(self) -> Literal["macs", "params"]:
        """Which one it is."""
        return "params" if self.macs is None else "macs"

    @property
    def share(self) -> float:
        """How much of it may be left."""
        return float(getattr(self, self.what))


def write_widths(folder: Path, widths: Widths) -> None:
    """Write widths as a report. It holds no figure of any machine, so that equal choices are equal artifacts."""
    document = {"widths": {name: list(width) for name, width in widths.items()}}
    (folder / "report.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_widths(report: Report, groups: Sequence[Group]) -> dict[str, Width]:
    """Read widths.

    Raises:
        UserError: the report holds none, or they are another model's.
    """
    document: dict[str, Any] = report.read()
    if set(document) != {"widths"}:
        raise UserError(
            "the report connected to `widths` holds no widths",
            hint="connect the port of that name: `needs: {model: MODEL, widths: TUNED.widths}`",
        )
    now = {group.name: group.width for group in groups}
    found = {name: Width(*map(int, width)) for name, width in document["widths"].items()}
    for name, width in found.items():
        if name not in now or not 1 <= width.heads <= now[name].heads or not 1 <= width.dim <= now[name].dim:
            has = f"has {now[name].heads} x {now[name].dim} channels there" if name in now else "has no such layer"
            raise UserError(
                f"the report connected to `widths` leaves {width.heads} x {width.dim} channels of {name}, and this "
                f"model {has}",
                hint="prune the model that `tune-pruning` was given",
            )
    less = {name: width for name, width in found.items() if width != now[name]}
    if not less:
        raise UserError(
            "the report connected to `widths` takes nothing out of this model",
            hint="prune the model that `tune-pruning` was given",
        )
    return less


def budgeted(
    ctx: Context, module: nn.Module, example: torch.Tensor, plan: Plan, groups: Sequence[Group], target: Target
) -> tuple[Widths, list[dict[str, float]]]:
    """Find the widths that leave most within a target.

    Returns:
        The widths, and a line of figures for each candidate.

    Raises:
        UserError: the target is out of reach; the message has the least that can be reached.
    """
    from edgesmith_stages.models.size import count_macs, count_params
    from edgesmith_stages.pruning.budget import search, sized

    count = partial(count_macs, example=example) if target.what == "macs" else count_params
    cost = sized(module, example, plan, groups, count)

    def told(ratio: float, widths: Widths) -> float:
        share = cost(ratio, widths)
        ctx.log.info("ratio %.4f leaves %.1f %% of the %s", ratio, 100 * share, target.what)
        return share

    found = search(groups, plan.rule, told, target.share)
    if found.best is None:
        raise out_of_reach(f"target: {{{target.what}: {target.share:g}}}", found.tried[0].cost, plan)
    return found.best.widths, [one.row(target.what) for one in found.tried]


def out_of_reach(asked: str, least: float, plan: Plan) -> UserError:
    """Return the error for a budget that no widths meet.

    Args:
        asked: what the user wrote.
        least: the share that is left where all is taken that may be.
        plan: how it was pruned.
    """
    limits = f"round_to={plan.rule.round_to}" + (f", keep={list(plan.keep)}" if plan.keep else "")
    return UserError(
        f"`{asked}` can't be reached: with {limits}, and a tenth of each layer left, {least:.3f} is the least",
        hint="ask for less, lower round_to, keep fewer parts, or prune a smaller model of the family",
    )
