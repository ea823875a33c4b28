"""One clear message for whatever PyTorch's exporter, torchao or ExecuTorch raise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from edgesmith import EdgesmithError, StageFailed

_OPERATOR = re.compile(r"\baten[.:]+(\w+)")
_PLACES = re.compile(r"\S*(?:site|dist)-packages/")
_LONGEST = 400


@contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Turn what is raised inside the block into StageFailed, with the operator at fault where one is named.

    Args:
        what: what could not be done, e.g. "lower the model to XNNPACK".
    """
    try:
        yield
    except EdgesmithError:
        raise
    except Exception as error:  # they raise anything: AssertionError and bare RuntimeError included
        told = _PLACES.sub("", str(error)).strip().splitlines()
        operator = _OPERATOR.search(str(error))
        at = f" at the operator aten.{operator.group(1)}" if operator else ""
        raise StageFailed(
            f"could not {what}{at}: {(told or [type(error).__name__])[0][:_LONGEST]}",
            hint="replace that operator in the model, or take the ONNX export, which covers more",
        ) from error
