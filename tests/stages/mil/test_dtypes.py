"""The table of element types, against MIL.proto."""

from __future__ import annotations

import pytest
import torch

from edgesmith_stages.mil.dtypes import BY_NAME, BY_NUMBER, STRING_NUMBER, held
from edgesmith_stages.mil.proto import mil_messages


def test_every_type_of_the_format_is_known() -> None:
    """By its number, under MIL's short name."""
    numbers = dict(mil_messages().DataType.items())
    assert numbers.pop("STRING") == STRING_NUMBER
    assert numbers.pop("UNUSED_TYPE") == 0
    assert set(numbers.values()) == set(BY_NUMBER)
    for long, number in numbers.items():
        short = long.lower().replace("bfloat", "bf").replace("float", "fp")
        assert BY_NUMBER[number].name == short


def test_codes_are_not_shared() -> None:
    """Nor left out: 1 to 17."""
    codes = [one.blob for one in BY_NAME.values() if one.blob is not None]
    assert sorted(codes) == list(range(1, 18))


@pytest.mark.parametrize(("mode", "wanted"), [("declared", "float32"), ("fp64", "float64"), ("fp16", "float16")])
def test_the_mode_holds_floats(mode: str, wanted: str) -> None:
    """Whatever they are declared as; integers are held as they are, or wider."""
    assert {held(name, mode) for name in ("fp16", "fp32", "fp64", "bf16")} == {getattr(torch, wanted)}
    assert held("int4", mode) == torch.int8
    assert held("uint16", mode) == torch.int32
