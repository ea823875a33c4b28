"""Single measurements in a report."""

from edgesmith.sections import Input, read_sections
from edgesmith_stages.samples import MOST, sections


def test_measurements_stay_in_the_order_taken_in_milliseconds():
    ((section,), problems) = read_sections(sections("models", {2: [2_000_000, 1_000_000], 0: [500_000]}))
    assert problems == []
    assert [(one.of, one.values) for one in section.samples] == [
        (Input(port="models", index=0), (0.5,)),
        (Input(port="models", index=2), (2.0, 1.0)),
    ]


def test_of_very_many_some_are_kept_from_beginning_to_end():
    taken = list(range(0, 1_000_000 * 5000, 1_000_000))
    ((section,), _) = read_sections(sections("models", {0: taken}))
    values = section.samples[0].values
    assert MOST / 2 < len(values) <= MOST
    assert values[0] == 0 and values[-1] > 4980


def test_what_failed_or_was_summed_up_elsewhere_has_none():
    assert sections("models", {0: [], 1: object()}) == []
