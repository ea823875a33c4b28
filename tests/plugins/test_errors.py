import pytest

from edgesmith import Cancelled, EdgesmithError, RuntimeUnavailable, StageFailed, UserError
from edgesmith.errors import nearest, unknown


def test_an_error_is_its_message_and_what_to_do_next():
    assert (
        str(UserError("the dish is burnt", hint="turn the oven down"))
        == "the dish is burnt\n  hint: turn the oven down"
    )
    assert str(UserError("the dish is burnt")) == "the dish is burnt"


@pytest.mark.parametrize("kind", [UserError, StageFailed, RuntimeUnavailable])
def test_what_a_user_can_mend_exits_with_1(kind):
    assert issubclass(kind, EdgesmithError)
    assert kind("x").exit_code == 1


def test_an_interruption_exits_with_130():
    assert Cancelled("x").exit_code == 130


def test_an_unknown_name_is_told_with_the_nearest_and_all_known_ones():
    assert unknown("stage", "trian", ["train", "prune"]) == (
        "unknown stage 'trian'; did you mean 'train'? (known: prune, train)"
    )


def test_nothing_is_guessed_where_nothing_is_near():
    assert nearest("zebra", ["train", "prune"]) is None
    assert unknown("stage", "zebra", []) == "unknown stage 'zebra' (known: none)"
