"""Charts: where things lie."""

import itertools
import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from edgesmith.sections import Curves, Point, Points, Sample, Samples
from edgesmith_flows.report.charts.axis import axis
from edgesmith_flows.report.charts.boxes import boxes, quantile
from edgesmith_flows.report.charts.graph import BOX_HEIGHT, BOX_WIDTH, layout
from edgesmith_flows.report.charts.lines import MOST_DRAWN, layers, lines, training
from edgesmith_flows.report.charts.points import plot
from edgesmith_flows.report.charts.scatter import scatters
from edgesmith_flows.report.facts import Contribution, Row

numbers = st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-9)


class TestAxis:
    @given(st.lists(numbers, min_size=1, max_size=8), st.booleans())
    def test_every_value_has_its_place_inside_and_order_is_kept(self, values, may_log):
        found = axis("x", values, 10, 200, may_log=may_log)
        places = [found.at(value) for value in sorted(values)]
        assert places == sorted(places)
        assert all(10 <= place <= 200 for place in places)

    @given(st.lists(numbers, min_size=1, max_size=8), st.booleans())
    def test_ticks_are_few_and_lie_on_the_axis(self, values, may_log):
        found = axis("x", values, 10, 200, may_log=may_log)
        assert len(found.ticks) <= 12
        assert all(10 <= tick.at <= 200 for tick in found.ticks)

    def test_ticks_are_round(self):
        assert [tick.text for tick in axis("x", [0.0, 1.0], 0, 100).ticks] == ["0", "0.5", "1"]
        assert [tick.text for tick in axis("x", [681_000, 7_811_768], 0, 100).ticks][:2] == ["2M", "4M"]

    def test_values_far_apart_get_a_logarithmic_axis_where_that_is_allowed(self):
        found = axis("ms", [0.5, 50.0], 0, 100, may_log=True)
        assert found.log and [tick.text for tick in found.ticks] == ["1", "3", "10", "30"]
        assert not axis("ms", [0.5, 50.0], 0, 100).log
        assert not axis("ms", [0.0, 50.0], 0, 100, may_log=True).log


class TestPoints:
    def test_greater_is_up_and_right_and_what_is_marked_lies_on_top_with_its_name(self):
        best = Point(name="7", x=1.0, y=0.9, note="ratio=0.5", marked=True)
        other = Point(name="8", x=9.0, y=0.7)
        found = plot(Points(title="trials", x="ms", y="top1", points=(best, other)), "search: trials")
        assert [(dot.name, dot.marked, dot.told) for dot in found.dots] == [
            ("8", False, "8: top1 0.7, ms 9"), ("7", True, "7: top1 0.9, ms 1; ratio=0.5"),
        ]  # fmt: skip
        assert found.dots[0].x > found.dots[1].x and found.dots[0].y > found.dots[1].y
        assert found.dots[0].label is None and found.dots[1].label is not None

    def test_nothing_makes_no_plot(self):
        assert plot(Points(title="trials", x="ms", y="top1", points=()), "t") is None


class TestScatter:
    def row(self, name, size, top1, ms, form="x"):
        return Row(name, form, size, "ok", {"top1": top1, "median_ms": ms})

    def test_better_is_up_and_cheaper_is_left(self):
        rows = [self.row("slow", 100, 0.9, 9.0), self.row("fast", 25, 0.8, 1.0)]
        by_time, by_size = scatters(rows, {"x": 0})
        assert [plot.title for plot in (by_time, by_size)] == ["top-1 by median ms", "top-1 by bytes"]
        slow, fast = by_time.points
        assert (slow.name, fast.name) == ("slow", "fast")
        assert fast.x < slow.x and slow.y < fast.y
        assert slow.radius > fast.radius
        assert slow.best and fast.best

    def test_what_another_beats_in_everything_is_no_winner(self):
        rows = [self.row("good", 10, 0.9, 1.0), self.row("bad", 20, 0.8, 2.0), self.row("tie", 10, 0.9, 1.0)]
        (plot, _) = scatters(rows, {})
        assert {point.name: point.best for point in plot.points} == {"good": True, "bad": False, "tie": True}

    def test_what_was_not_measured_is_named(self):
        rows = [self.row("a", 10, 0.9, 1.0), self.row("b", 20, 0.8, 2.0), Row("c", "x", 5, "skipped", {})]
        assert [plot.left_out for plot in scatters(rows, {})] == [["c"], ["c"]]

    def test_names_cover_neither_each_other_nor_a_point(self):
        rows = [self.row(f"model-{i}", 100 + i, 0.9 + i * 1e-4, 1.0 + i * 0.01) for i in range(24)]
        plot = scatters(rows, {})[0]
        shown = [point for point in plot.points if point.label]
        assert 2 <= len(shown) <= len(plot.points)
        boxes = []
        for point in shown:
            x, y, anchor = point.label
            width = 6.2 * len(point.name)
            begin = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
            boxes.append((begin, y - 10, begin + width, y + 3))
        for one, other in itertools.combinations(boxes, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]

    def test_one_model_is_no_plot(self):
        assert scatters([self.row("a", 10, 0.9, 1.0)], {}) == []


class TestLines:
    def test_curves_of_one_name_share_a_chart(self, facts):
        loss, top1 = training([*facts.contributions, *facts.contributions])
        assert (loss.title, top1.title) == ("loss", "top-1")
        assert [line.name for line in loss.lines] == ["show", "show (2)"]
        assert loss.lines[0].dots[0].told == "show, epoch 1: 2"
        assert loss.lines[0].dots[0].y < loss.lines[0].dots[-1].y
        assert [tick.text for tick in loss.x.ticks] == ["1", "2", "3", "4", "5", "6"]

    def test_curves_are_named_by_what_they_are_of(self, facts):
        node = next(iter(facts.nodes.values()))
        curves = [Curves(title="t", of=of, curves={"ms": (1.0,)}) for of in ("slow", None)]
        (chart,) = training([Contribution(node, one) for one in curves], lambda one, of: of or one.node.name)
        assert [line.name for line in chart.lines] == ["slow", node.name]

    def test_a_gap_breaks_the_line(self, facts):
        (chart,) = layers(facts.contributions)
        assert [len(run) for run in chart.lines[0].runs] == [5, 6]
        assert chart.bar is not None

    def test_a_long_curve_is_thinned_but_keeps_its_ends(self):
        points = [(float(i), float(i), str(i)) for i in range(4000)]
        chart = lines("x", "step", "", {"a": points})
        dots = chart.lines[0].dots
        assert len(dots) <= MOST_DRAWN + 1
        assert (dots[0].told, dots[-1].told) == ("a, 0: 0", "a, 3999: 3999")

    def test_nothing_measured_is_no_chart(self):
        assert lines("x", "step", "", {"a": [(1.0, None, "1")]}) is None


class TestBoxes:
    def test_places_follow_the_quantiles(self):
        values = tuple(float(value) for value in range(1, 101))
        (row,) = boxes(Samples(title="t", unit="ms", samples=(Sample(of="a", values=values),)), ["a"]).rows
        assert row.low < row.first < row.median < row.third < row.high
        assert row.figures == ["100", "1", "50.5", "90.1", "99.01", "100"]
        assert row.told.startswith("a: median 50.5 ms")

    @given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
    def test_a_quantile_is_between_the_ends_and_the_middle_one_is_the_median(self, values, share):
        values.sort()
        slack = 1e-6
        assert values[0] - slack <= quantile(values, share) <= values[-1] + slack
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        assert math.isclose(quantile(values, 0.5), middle, abs_tol=1e-6)


class TestGraph:
    def test_what_is_needed_stands_above(self):
        found = layout({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})
        places = {box.name: (box.x, box.y) for box in found.boxes}
        assert places["a"][1] < places["b"][1] == places["c"][1] < places["d"][1]
        assert {(edge.source, edge.target) for edge in found.edges} == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}

    def test_a_connection_that_a_longer_way_implies_is_left_out_and_counted(self):
        found = layout({"a": [], "b": ["a"], "c": ["a", "b"]})
        assert [(edge.source, edge.target) for edge in found.edges] == [("a", "b"), ("b", "c")]
        assert found.implied == 1

    def test_crossings_are_undone(self):
        found = layout({"a": [], "b": [], "x": ["b"], "y": ["a"]})
        x = {box.name: box.x for box in found.boxes}
        assert (x["a"] < x["b"]) == (x["y"] < x["x"])

    @pytest.mark.parametrize("nodes", [{}, {"a": []}, {"a": ["gone"]}])
    def test_small_ones(self, nodes):
        assert len(layout(nodes).boxes) == len(nodes)

    @given(st.lists(st.sets(st.integers(0, 20), max_size=4), max_size=20))
    def test_boxes_never_meet_and_lie_inside(self, wanted):
        nodes = {str(i): [str(one) for one in needs if one < i] for i, needs in enumerate(wanted)}
        found = layout(nodes)
        for one, other in itertools.combinations(found.boxes, 2):
            assert abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT
        for box in found.boxes:
            assert 0 <= box.x <= found.width - BOX_WIDTH and 0 <= box.y <= found.height - BOX_HEIGHT
