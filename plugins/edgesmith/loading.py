"""Import an object named `package.module:Name`."""

from __future__ import annotations

import importlib
from typing import Any


def load_object(name: str) -> Any:
    """Import and return `package.module:Name` (dots allowed after the colon)."""
    module, _, attribute = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def object_name(cls: type) -> str:
    """Return the name under which `load_object` finds a class."""
    return f"{cls.__module__}:{cls.__qualname__}"
