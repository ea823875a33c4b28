import pytest

from edgesmith.loading import load_object, object_name


class Outer:
    class Inner:
        pass


def test_a_class_is_found_again_by_its_name():
    from pathlib import PurePosixPath

    assert object_name(PurePosixPath) == "pathlib:PurePosixPath"
    assert load_object("pathlib:PurePosixPath") is PurePosixPath


def test_a_nested_class_is_named_with_dots():
    assert object_name(Outer.Inner).endswith(":Outer.Inner")
    assert load_object("edgesmith.stage:Stage.Params").__name__ == "Params"


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError):
        load_object("pathlib:NoSuchPath")
