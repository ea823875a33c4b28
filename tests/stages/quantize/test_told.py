"""What a report shows of what stayed in float."""

from edgesmith.sections import read_sections
from edgesmith_stages.quantize.told import left_in_float


def rows(figures):
    (section,), problems = read_sections(left_in_float(figures))
    assert not problems
    assert section.columns == ("operation", "count", "why")
    return section.rows


def test_an_assignment_s_choice_is_told_by_type():
    figures = {"kept": {"slower in integers here": {"SOFTMAX": 3, "MEAN": 1}, "costs accuracy": {"CONV_2D": 2}}}
    assert rows(figures) == (
        ("SOFTMAX", 3, "slower in integers here"),
        ("MEAN", 1, "slower in integers here"),
        ("CONV_2D", 2, "costs accuracy"),
    )


def test_a_file_that_was_left_alone_says_so():
    assert rows({"kept": {"nothing is faster": "all operations"}}) == (("all operations", None, "nothing is faster"),)


def test_operations_that_halves_would_spoil_are_told_one_by_one():
    assert rows({"kept_fp32": {"up": "Mul reaches 1e5"}}) == (("up", 1, "Mul reaches 1e5"),)


def test_where_all_was_quantised_there_is_nothing_to_show():
    assert left_in_float({"nodes": 3}) == []
    assert left_in_float({"kept_fp32": {}}) == []
