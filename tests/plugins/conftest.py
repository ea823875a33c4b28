"""The playground's modules, for tests that run single stages."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from edgesmith_flows.registry import load_registry


@pytest.fixture(scope="session")
def playground() -> ModuleType:
    """The playground package, with its modules as attributes."""
    load_registry(["playground.plugin"], Path(__file__).parent.parent)
    return importlib.import_module("playground")
