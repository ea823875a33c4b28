"""Import an object named `package.module:Name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
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


def package_place(module: str) -> Path | None:
    """Return the folder (or single file) of the top-level package that `module` lies in; None if there is none.

    Nothing is imported.
    """
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None) if loaded is not None else importlib.util.find_spec(top)
    folders = getattr(loaded, "__path__", None) or (spec.submodule_search_locations if spec else None)
    if folders:
        return Path(next(iter(folders)))
    file = getattr(loaded, "__file__", None) or (spec.origin if spec and spec.has_location else None)
    return Path(file) if file else None
