"""Core ML's messages without coremltools, and beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgesmith import UserError
from edgesmith_stages.mil import proto

ONE_POOL = """
import logging, sys
logging.getLogger("coremltools").setLevel(logging.ERROR)
def ours():
    from edgesmith_stages.mil.proto import mil_messages, model_messages
    return model_messages(), mil_messages()
def theirs():
    from coremltools.proto import MIL_pb2, Model_pb2
    return Model_pb2, MIL_pb2
first, second = (ours, theirs) if sys.argv[1] == "ours" else (theirs, ours)
for one, other in zip(first(), second()):
    assert one is not other
model, program = ours()
message = theirs()[0].Model(specificationVersion=8)
message.mlProgram.CopyFrom(program.Program(version=1))
print(model.Model.FromString(message.SerializeToString()).mlProgram.version, type(message) is model.Model)
"""


def test_coremltools_is_not_imported(python: Callable[..., str]) -> None:
    """Nor anything heavy; and it takes no third of a second of the processor."""
    code = """
import sys, time
import edgesmith
begun = time.process_time()
from edgesmith_stages.mil import proto
proto.model_messages().Model(), proto.mil_messages().Program(), proto.feature_messages().FeatureType()
print(time.process_time() - begun, [name for name in ("coremltools", "torch", "numpy") if name in sys.modules])
"""
    seconds, heavy = python(code).split(maxsplit=1)
    assert heavy == "[]"
    assert float(seconds) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("first", ["ours", "coremltools"])
def test_both_in_one_process(python: Callable[..., str], first: str) -> None:
    """In either order; messages of one are messages of the other."""
    assert python(ONE_POOL, first) == "1 True"


def test_without_coremltools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(proto.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="install coremltools"):
        proto._folder()
