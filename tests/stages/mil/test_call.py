"""What a kernel asks its call for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgesmith import UserError
from edgesmith_stages.mil.call import Call, MissingInput

from .kernels.calls import call

ASKED: list[Callable[[Call], Any]] = [
    lambda one: one.given("a"),
    lambda one: one.tensor("a"),
    lambda one: one.tensors("a"),
    lambda one: one.ints("a"),
    lambda one: one.int("a"),
    lambda one: one.number("a"),
    lambda one: one.flag("a"),
    lambda one: one.text("a"),
    lambda one: one.choice("a", ("this", "that")),
]


@pytest.mark.parametrize("ask", ASKED)
def test_a_missing_input_is_told_by_its_name(ask: Callable[[Call], Any]) -> None:
    with pytest.raises(MissingInput, match="it lacks the input 'a'"):
        ask(call("op"))


def test_a_choice_is_one_of_those_that_are_known() -> None:
    known = ("this", "that")
    assert call("op", a="that").choice("a", known) == "that"
    assert call("op").choice("a", known, "this") == "this"
    assert call("op", a="THAT").choice("a", known, lower=True) == "that"
    with pytest.raises(UserError, match=r"^op op_0: unknown a 'tht'; did you mean 'that'\? \(known: that, this\)$"):
        call("op", a="tht").choice("a", known)
