"""Start a module in another Python environment, with chosen packages of this one made importable there.

Run as a script: ``python -I boot.py BRIDGE_JSON MODULE ARG...``. BRIDGE_JSON maps top-level package names to the folder
(or single file) that holds each, so that an isolated environment sees edgesmith and the plugin, and nothing else of the
environment it was started from. Standard library only: it runs before anything can be imported.
"""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


class BridgeFinder(MetaPathFinder):
    """Finds the named top-level packages in their folders, before the environment's own finders."""

    def __init__(self, packages: Mapping[str, str]) -> None:
        self.packages = dict(packages)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a bridged top-level package; submodules follow from its search path."""
        place = self.packages.get(fullname)
        if place is None:
            return None
        if place.endswith(".py"):
            return importlib.util.spec_from_file_location(fullname, place)
        init = Path(place, "__init__.py")
        if init.exists():
            return importlib.util.spec_from_file_location(fullname, init, submodule_search_locations=[place])
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [place]
        return spec


def main(argv: Sequence[str]) -> None:
    """Install the bridge and run the module with the remaining arguments."""
    packages = json.loads(argv[0])
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
    sys.meta_path.insert(0, BridgeFinder(packages))
    sys.argv = [argv[1], *argv[2:]]
    runpy.run_module(argv[1], run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main(sys.argv[1:])
