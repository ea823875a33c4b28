"""The `search` stage, with a pipeline that answers at once; whole ones run in tests/pipelines/test_search.py."""

import json
import shutil
from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from edgesmith import OnnxModel, PipelineRun, Report, StageFailed, UserError
from edgesmith.sections import read_sections
from edgesmith.testing import LocalContext, StageContract, folder_digest, run_stage
from edgesmith_flows.canonical import digest
from edgesmith_stages.search import Search

PARAMS = {
    "pipeline": "net",
    "space": {"width": [1, 2, 3, 4], "prune.ratio": {"low": 0.1, "high": 0.5, "step": 0.1}},
    "objectives": {"top1": {"maximize": "bench.top1"}, "bytes": {"minimize": "bench.bytes"}},
    "trials": 8,
}


@dataclass
class View:
    """What the stage sees of the pipeline `net`."""

    name = "net"
    gives = {"net": {}, "onnx": {"model": OnnxModel}, "bench": {"report": Report}}

    def check_expression(self, text):
        if not text.startswith(("bench.", "True")):
            raise UserError(f"{text}: unknown node")


class Net:
    """Stands for a pipeline: wider nets are better and larger, pruned ones smaller and a little worse."""

    def __init__(self, models=None, **outcome):
        self.asked, self.models, self.outcome = [], models, outcome

    def __call__(self, params, ask):
        self.asked.append(dict(params))
        width, ratio = params["width"], params["prune.ratio"]
        known = {"bench.top1": 0.5 + 0.1 * width - 0.1 * ratio, "bench.bytes": width * 100 * (1 - ratio), "True": True}
        values = tuple(known.get(one) for one in ask)
        reasons = {place: "not measured" for place, value in enumerate(values) if value is None}
        artifacts = {"onnx": {"model": self.models[width]}} if self.models else {}
        return PipelineRun(values, reasons, artifacts=artifacts, **self.outcome)


def search(folder, net=None, **params):
    context = LocalContext(folder, seed=1, views={"pipeline": [View()]}, pipelines={"net": net or Net()})
    return run_stage(Search, folder, {}, {**PARAMS, **params}, context=context)


class TestContract(StageContract):
    stage = Search
    params = PARAMS
    bad_params = (
        {**PARAMS, "objectives": {}},
        {**PARAMS, "objectives": {"top1": {"maximize": "bench.top1", "minimize": "bench.top1"}}},
        {**PARAMS, "objectives": {"top1": {"maximize": "banch.top1"}}},
        {**PARAMS, "constraints": ["banch.top1 > 1"]},
        {**PARAMS, "choose": "latency"},
        {**PARAMS, "order": ["latency"]},
        {**PARAMS, "deliver": "bench"},
        {**PARAMS, "deliver": "onyx"},
        {**PARAMS, "sampler": "all", "space": {"width": {"low": 0.1, "high": 0.5}}},
    )

    def context(self, folder):
        return LocalContext(folder, views={"pipeline": [View()]}, pipelines={"net": Net()})


class TestOutcome:
    def test_the_best_in_the_first_objective_is_chosen(self, tmp_path):
        figures = search(tmp_path, trials=20, sampler="all").figures
        assert figures["params"] == {"width": 4, "prune.ratio": 0.1}
        assert figures["best"]["top1"] == pytest.approx(0.89)
        assert figures["trials"] == 20

    def test_another_objective_may_lead(self, tmp_path):
        assert search(tmp_path, trials=20, sampler="all", choose="bytes").figures["params"]["width"] == 1

    def test_the_report_holds_every_trial_a_plot_and_a_table(self, tmp_path):
        made = search(tmp_path)
        document = json.loads((made.outputs["report"].path / "report.json").read_text())
        assert [one["number"] for one in document["trials"]] == list(range(1, 9))
        assert sum(one["front"] for one in document["trials"]) == made.figures["front"]
        sections, problems = read_sections(document["sections"])
        assert not problems
        plot, table = sections
        assert (plot.x, plot.y, len(plot.points)) == ("bytes", "top1", 8)
        front = {str(one["number"]) for one in document["trials"] if one["front"]}
        assert {point.name for point in plot.points if point.marked} == front
        assert table.columns == ("trial", "prune.ratio", "width", "top1", "bytes", "outcome")
        assert table.rows[0][-1] == "chosen"

    def test_the_model_of_the_chosen_trial_is_delivered(self, tmp_path, save_onnx):
        models = {width: save_onnx(tmp_path / f"model {width}", width) for width in (1, 2, 3, 4)}
        made = search(tmp_path / "search", Net(models), trials=20, sampler="all", deliver="onnx")
        assert isinstance(made.outputs["model"], OnnxModel)
        assert folder_digest(made.outputs["model"].path) == folder_digest(models[4].path)

    def test_without_a_node_to_deliver_there_is_no_model(self, tmp_path):
        assert set(search(tmp_path).outputs) == {"report"}


@pytest.fixture
def save_onnx(tmp_path):
    """Writes what a search copies, whatever its bytes: a folder with a file for each width."""

    def save(folder, width):
        folder.mkdir()
        (folder / OnnxModel.main).write_bytes(bytes([width]))
        (folder / "extra").mkdir()
        (folder / "extra" / "file").write_text(str(width))
        return OnnxModel(folder)

    yield save
    shutil.rmtree(tmp_path, ignore_errors=True)


class TestOrder:
    """Keys don't know in which order a mapping was written (`canonical.tagged`)."""

    def key(self, **params):
        return digest(Search.Params(**{**PARAMS, **params}).model_dump(mode="json"))

    def test_that_of_the_objectives_decides_and_is_part_of_the_key(self, tmp_path):
        bytes_first = dict(reversed(PARAMS["objectives"].items()))
        made = search(tmp_path, trials=20, sampler="all", objectives=bytes_first)
        assert made.figures["params"]["width"] == 1
        assert list(made.figures["best"]) == ["bytes", "top1"]
        assert self.key(objectives=bytes_first) != self.key()

    def test_it_may_be_said_whatever_order_they_are_written_in(self, tmp_path):
        bytes_first = dict(reversed(PARAMS["objectives"].items()))
        assert self.key(objectives=bytes_first, order=["top1"]) == self.key()
        made = search(tmp_path, trials=20, sampler="all", objectives=bytes_first, order=["top1"])
        assert made.figures["params"]["width"] == 4

    def test_it_is_the_same_again_where_the_params_come_back_from_json(self):
        first = Search.Params(**PARAMS)
        told = json.dumps(first.model_dump(mode="json"), sort_keys=True)
        assert Search.Params(**json.loads(told)).order == first.order

    @pytest.mark.parametrize("sampler", ["all", "random", "tpe"])
    def test_that_of_the_space_changes_nothing(self, tmp_path, sampler):
        one, other = Net(), Net()
        space = dict(reversed(PARAMS["space"].items()))
        search(tmp_path / "one", one, sampler=sampler)
        search(tmp_path / "other", other, sampler=sampler, space=space)
        assert one.asked == other.asked
        assert self.key(space=space) == self.key()


class TestTrialsThatFail:
    def test_are_counted_and_the_search_goes_on(self, tmp_path):
        class Frail(Net):
            def __call__(self, params, ask):
                if params["width"] == 4:
                    raise UserError("too wide")
                return super().__call__(params, ask)

        figures = search(tmp_path, Frail(), trials=20, sampler="all").figures
        assert figures["failed"] == 5
        assert figures["params"]["width"] == 3

    def test_gates_and_constraints_that_do_not_hold_keep_a_trial_out(self, tmp_path):
        with pytest.raises(StageFailed, match="8 miss gates or constraints; among the reasons: a gate: 1 > 2"):
            search(tmp_path, Net(missed=("a gate: 1 > 2",)))
        with pytest.raises(StageFailed, match=r"bench.top1: does not hold"):
            search(tmp_path, constraints=["bench.top1"])

    def test_if_all_fail_the_reasons_are_told_once_each(self, tmp_path):
        with pytest.raises(StageFailed, match="8 failed") as error:
            search(tmp_path, Net(failed=("prune: nothing to prune",)))
        assert error.value.message.count("nothing to prune") == 1
        assert "those made are cached" in error.value.hint

    def test_an_objective_that_the_first_whole_trial_lacks_ends_the_search(self, tmp_path):
        net = Net()
        with pytest.raises(UserError, match="no figure for an objective: ms: not measured"):
            search(tmp_path, net, objectives={"ms": {"minimize": "bench.ms"}})
        assert len(net.asked) == 1


def test_a_larger_budget_asks_for_the_same_points_first(tmp_path):
    small, large = Net(), Net()
    search(tmp_path / "a", small, trials=5)
    search(tmp_path / "b", large, trials=9)
    assert large.asked[:5] == small.asked


def test_params_of_the_reference_hold_for_all_trials(tmp_path):
    net = Net()
    search(tmp_path, net, pipeline={"name": "net", "data": "digits"})
    assert {one["data"] for one in net.asked} == {"digits"}


def test_an_objective_is_either_of_two(tmp_path):
    with pytest.raises(ValidationError, match="either `maximize` or `minimize`"):
        search(tmp_path, objectives={"top1": {}})
