"""Which operations stay in float."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from edgesmith import UserError


class IgnoredScope(BaseModel):
    """Operations that stay in float, by any of three ways to name them; the names are those in the file's graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = Field(default=(), description="of single operations")
    patterns: tuple[str, ...] = Field(default=(), description="regular expressions that names begin with")
    types: tuple[str, ...] = Field(default=(), description="operation types, such as MatMul")

    @field_validator("patterns")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return patterns

    def names_in(self, model: Any) -> list[str]:
        """Return the names of the operations meant in an `openvino.Model`, in the model's order.

        Raises:
            UserError: an entry means none.
        """
        ops = [op for op in model.get_ordered_ops() if op.get_type_name() != "Constant"]
        kinds = {op.get_friendly_name(): op.get_type_name() for op in ops}
        for what, given, known in (("name", self.names, kinds.keys()), ("type", self.types, set(kinds.values()))):
            for one in given:
                if one not in known:
                    raise _unknown(what, one, known)
        for pattern in self.patterns:
            if not any(re.match(pattern, name) for name in kinds):
                raise UserError(
                    f"no operation's name begins with the pattern {pattern!r} in `ignored_scope`",
                    hint="names are those of the layers in the model's `ir/model.xml`",
                )
        return [
            name
            for name, kind in kinds.items()
            if name in self.names or kind in self.types or any(re.match(pattern, name) for pattern in self.patterns)
        ]


def _unknown(what: str, given: str, known: Collection[str]) -> UserError:
    close = get_close_matches(given, known, n=1, cutoff=0.5)
    nearest = f"; did you mean {close[0]!r}?" if close else ""
    return UserError(
        f"unknown operation {what} in `ignored_scope` {given!r}{nearest}",
        hint="names and types are those of the layers in the model's `ir/model.xml`",
    )
