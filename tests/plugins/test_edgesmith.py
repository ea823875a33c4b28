"""`import edgesmith` itself."""

import ast
import inspect
from pathlib import Path

import pytest

import edgesmith


def test_importing_it_brings_neither_pydantic_nor_numpy(python):
    loaded = python("import sys, edgesmith; print(*sys.modules)").split()
    assert not {"pydantic", "numpy", "pluggy", "torch"} & set(loaded)


def test_everything_it_names_can_be_had():
    assert all(getattr(edgesmith, name) is not None for name in edgesmith.__all__)


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(inspect.getfile(edgesmith)).read_text())
    named = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named - {None} == set(edgesmith.__all__) - {"CONTRACT"}


def test_a_name_that_it_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Stagee'"):
        _ = edgesmith.Stagee
