"""Say at which of the model's layers coremltools gave up."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgesmith import StageFailed

_UNKNOWN = re.compile(r"Unsupported fx node (\w+)")
_CONVERTS_ONE = "convert_nodes"
"""coremltools' loop over the graph; its variable `node` is the one that it was at."""


@contextmanager
def located(program: Any) -> Iterator[None]:
    """Add operator and layer to a StageFailed that a conversion of `program` raises inside the block."""
    from edgesmith_stages.formats.coreml_graph import layers

    try:
        yield
    except StageFailed as error:
        name, kind = _place(error)
        path = layers(program).get(name)
        parts = [f"operator {kind}"] if kind and kind not in error.message else []
        parts += [f"layer {path}"] if path else []
        if not parts:
            raise
        raise StageFailed(f"{error.message} ({', '.join(parts)})", hint=error.hint) from error.__cause__


def _place(error: StageFailed) -> tuple[str, str]:
    """Name and kind of the graph's node that coremltools was at; "" for what isn't known."""
    unknown = _UNKNOWN.search(error.message)
    if unknown:
        return unknown.group(1), ""
    cause = error.__cause__
    for frame, _ in traceback.walk_tb(cause.__traceback__ if cause else None):
        if frame.f_code.co_name == _CONVERTS_ONE and "node" in frame.f_locals:
            node = frame.f_locals["node"]
            return str(node.name), str(node.kind)
    return "", ""
