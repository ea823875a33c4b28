"""Damaged packages: whatever the bytes, loading and running gives an answer or one clear error, soon."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_stages.mil.interpret import Interpreter

from .packages import MODEL, small

PARTS = ("Manifest.json", "Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights/weight.bin")
X = {"x": np.ones((2, 4), np.float32)}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package to damage."""
    folder = tmp_path_factory.mktemp("fuzz")
    yield small(folder)
    shutil.rmtree(folder)


def survives(package: Path, part: str, damaged: bytes) -> None:
    """Load and run with one file's bytes exchanged."""
    file = package / part
    whole = file.read_bytes()
    # A new file each time: one that is mapped must not change.
    file.unlink()
    file.write_bytes(damaged)
    try:
        Interpreter(package).run(X)
    except UserError as error:
        assert str(error)
    finally:
        file.unlink()
        file.write_bytes(whole)


@settings(max_examples=60)
@given(data=st.data(), part=st.sampled_from(PARTS))
def test_flipped_bytes(sound: Path, part: str, data: st.DataObject) -> None:
    """Up to four bytes anywhere."""
    content = bytearray((sound / part).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survives(sound, part, bytes(content))


@settings(max_examples=40)
@given(data=st.data(), part=st.sampled_from(PARTS))
def test_cut_and_spliced(sound: Path, part: str, data: st.DataObject) -> None:
    """Cut short, with a piece lost, twice, or replaced by other bytes."""
    content = (sound / part).read_bytes()
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, len(content)))
    middle = data.draw(st.one_of(st.just(b""), st.just(content[begin:end] * 2), st.binary(max_size=64)))
    survives(sound, part, content[:begin] + middle + data.draw(st.sampled_from([content[end:], b""])))


INTEGERS = st.one_of(st.integers(-3, 70), st.sampled_from([2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63)]))
WORDS = st.sampled_from(["", "x", "y", "main", "weight", "x_half", "fp32", "conv", "cond", "CoreML9", "@model_path/.."])


def places(message: Any) -> Iterator[tuple[Any, Any]]:
    """All set fields of a message and of what is in it, as (message, field descriptor)."""
    for field, content in message.ListFields():
        yield message, field
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            content = [one for one in content.values() if hasattr(one, "ListFields")]
        for one in content if field.is_repeated else [content]:
            yield from places(one)


def changed(message: Any, field: Any, data: st.DataObject) -> None:
    """Clear a field, repeat an element of it, or give it another value of its type."""
    content = getattr(message, field.name)
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if is_map or data.draw(st.integers(0, 3)) == 0:
        message.ClearField(field.name)
    elif field.is_repeated:
        content.append(content[0])
    elif field.message_type is None:
        old = content
        new = data.draw(
            WORDS if isinstance(old, str) else st.binary(max_size=9) if isinstance(old, bytes) else INTEGERS
        )
        with contextlib.suppress(ValueError):  # a number that the field's type doesn't have
            setattr(message, field.name, bool(new) if isinstance(old, bool) else new)


@settings(max_examples=80)
@given(data=st.data())
def test_other_values_in_the_specification(sound: Path, data: st.DataObject) -> None:
    """A valid message that says something else: other sizes, types, names; fields missing or twice."""
    spec = MODEL.Model.FromString((sound / PARTS[1]).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(spec))
        changed(*found[data.draw(st.integers(0, len(found) - 1))], data)
    survives(sound, PARTS[1], spec.SerializeToString(deterministic=True))


@settings(max_examples=30)
@given(content=st.binary(max_size=400), part=st.sampled_from(PARTS))
def test_any_bytes(sound: Path, part: str, content: bytes) -> None:
    """Nothing of the format."""
    survives(sound, part, content)
