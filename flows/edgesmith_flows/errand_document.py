"""What another machine is told to make a node: plain JSON, names, params and digests."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edgesmith import CONTRACT
from edgesmith.errors import UserError


class Input(BaseModel):
    """One connection: the node and port that it comes from, and the artifact that is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str
    port: str
    kind: str
    digest: str


class Errand(BaseModel):
    """A node's job for another machine.

    Attributes:
        edgesmith, contract: versions, which must be the same there.
        node, stage, params, seed, timeout: as in the pipeline; `params.target` is the target there.
        inputs: by port, what is connected.
        claims: the part of the key's document that doesn't depend on the machine.
        force: make it even if it is known there.
        remote: URL of the shared store, without any password, for a machine that has no setting of its own.
        plugins: local plugin modules of who asks.
        recipe_code: as of the node (see `edgesmith_flows.recipe_code`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edgesmith: str
    contract: int
    node: str
    stage: str
    params: dict[str, Any]
    inputs: dict[str, list[Input]]
    claims: dict[str, Any]
    seed: int
    timeout: float | None
    force: bool
    remote: str
    plugins: list[str]
    recipe_code: list[str]


def version() -> str:
    """Return this edgesmith's version."""
    return metadata.version("edgesmith")


def read_errand(told: Mapping[str, Any]) -> Errand:
    """Read what was asked for.

    Raises:
        UserError: who asks has another version of edgesmith, or it is no errand.
    """
    here = {"edgesmith": version(), "contract": CONTRACT}
    other = [f"{name} {told.get(name)}, and {own} here" for name, own in here.items() if told.get(name) != own]
    if other:
        raise UserError(
            f"this machine has another edgesmith than the one that asks: {'; '.join(other)}",
            hint="install the same version on both machines, then run again",
        )
    try:
        return Errand.model_validate(told)
    except ValidationError as error:
        raise UserError(f"what was asked for is no errand: {first_of(error)}") from error


def first_of(error: ValidationError) -> str:
    """Return the first of pydantic's findings, in a line."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
