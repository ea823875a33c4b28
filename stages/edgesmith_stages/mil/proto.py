"""Core ML's protobuf messages without coremltools.

`import coremltools` costs 4 to 24 CPU-seconds, and crashes beside some versions of tensorflow. Its generated protobuf
modules need nothing but protobuf and one another, so they are imported here as a package of another name, whose path is
coremltools' `proto` folder. Both packages get their classes from protobuf's one descriptor pool: in a process that has
both, messages of one are messages of the other.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from edgesmith import UserError

_PACKAGE = "_edgesmith_coreml_proto"


def model_messages() -> ModuleType:
    """Return `Model_pb2`, the messages of a whole model; raise UserError where coremltools is not installed."""
    return _module("Model_pb2")


def mil_messages() -> ModuleType:
    """Return `MIL_pb2`, the messages of programs; raise UserError where coremltools is not installed."""
    return _module("MIL_pb2")


def feature_messages() -> ModuleType:
    """Return `FeatureTypes_pb2`, the messages of inputs and outputs; raise UserError without coremltools."""
    return _module("FeatureTypes_pb2")


def _module(name: str) -> ModuleType:
    if _PACKAGE not in sys.modules:
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(_folder())]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _folder() -> Path:
    spec = importlib.util.find_spec("coremltools")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "proto"
        if (folder / "Model_pb2.py").is_file():
            return folder
    raise UserError(
        "reading a Core ML package needs coremltools, which holds the format's definition, and it is not installed",
        hint="install coremltools>=9.0,<9.1",
    )
