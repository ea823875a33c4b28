"""What machines elsewhere told of themselves."""

from edgesmith_flows.machines import Machines


def test_an_answer_is_kept_by_question_and_holds_what_is_the_machine_s(tmp_path):
    machines = Machines(tmp_path / "machines", tmp_path)
    assert machines.told({"pool": "lab"}) is None
    machines.remember({"pool": "lab"}, {"tools": {"numpy": "2"}, "target": {"name": "host"}, "stage": "x"})
    assert machines.told({"pool": "lab"}) == {"tools": {"numpy": "2"}, "target": {"name": "host"}}
    assert machines.told({"pool": "other"}) is None


def test_the_last_answer_holds(tmp_path):
    machines = Machines(tmp_path / "machines", tmp_path)
    for version in ("1", "2"):
        machines.remember({"pool": "lab"}, {"tools": {"numpy": version}})
    assert machines.told({"pool": "lab"}) == {"tools": {"numpy": "2"}}


def test_an_answer_that_can_t_be_read_counts_as_none(tmp_path):
    machines = Machines(tmp_path / "machines", tmp_path)
    machines.remember({"pool": "lab"}, {"tools": {}})
    next((tmp_path / "machines").iterdir()).write_text("{")
    assert machines.told({"pool": "lab"}) is None
