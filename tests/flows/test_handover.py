"""A node is handed to another machine, with its own store, which shares nothing with this one but a remote store."""

import json

import pytest

from edgesmith import StageFailed, UserError
from edgesmith_flows.errand import do_errand
from edgesmith_flows.errand_document import read_errand
from edgesmith_flows.execute import Executor
from edgesmith_flows.handover import hand_over_with, refuse_unreachable
from edgesmith_flows.identity import Identities, work_pool
from edgesmith_flows.machines import Machines
from edgesmith_flows.plan import make_plan
from edgesmith_flows.remote import Remote
from edgesmith_flows.store import Store

from .conftest import Engine, Heard

LAB = """
m: {uses: build}
t: {uses: tally, needs: {models: m}, with: {target: {name: pool, pool: lab, target: desk}}}
"""
THERE = """
m: {uses: build}
t: {uses: tally, needs: {models: m}, with: {target: desk}}
"""


class Lab(Engine):
    """An engine here, and a machine there."""

    def __post_init__(self):
        super().__post_init__()
        self.there = self.folder / "there"
        self.remote = Remote(f"file://{self.folder}/shared")
        self.jobs = []
        self.heard = Heard()
        self.change = {}

    def identities(self, pipeline):
        machines = Machines(self.store.root / "machines", self.store.root / "tmp")
        return Identities(self.registry, self.toolchains, self.store.memo(), pipeline.seed, machines)

    def send(self, job):
        """Do what a worker does with what it is sent."""
        self.jobs.append(job)
        told = {**json.loads(json.dumps(job)), **self.change}
        result = do_errand(read_errand(told), self.there, None, self.heard)
        return result.action.key

    def hand_over(self, text=LAB, node="t", send=None, force=False):
        """Make what the node needs here, then hand it over."""
        pipeline = self.resolve(text)
        plan = make_plan(pipeline, self.store, self.identities(pipeline))
        executor = Executor(
            plan, self.store, self.registry, self.identities(pipeline), self.pool, Heard(), remote=self.remote
        )
        for name in pipeline.nodes[node].upstream:
            executor.make(name)
        made = pipeline.nodes[node]
        return hand_over_with(send or self.send, executor, made, work_pool(made), force)


@pytest.fixture
def lab(tmp_path, registry, pool, toolchains, monkeypatch):
    monkeypatch.setenv("EDGESMITH_STORE", str(tmp_path / "nowhere"))
    return Lab(tmp_path, registry, pool, toolchains)


def refuse(job):
    raise AssertionError("nobody is to be asked")


class TestHandingOver:
    def test_the_node_is_made_there_from_inputs_that_are_fetched_and_its_result_comes_here(self, lab):
        state, action = lab.hand_over()
        assert state == "done"
        assert action.figures == {"models": [{"top1": 1.0}]}
        assert lab.store.verify(action.outputs["report"]) is None
        assert Store.open(lab.there).has(action.document["inputs"]["models"][0])
        assert lab.heard.results[0].state == "done"
        (job,) = lab.jobs
        assert job["params"]["target"] == {"name": "desk"}
        assert str(lab.folder / "store") not in json.dumps(job)

    def test_it_is_found_again_without_asking_under_the_key_that_it_has_on_the_machine_itself(self, lab):
        _, action = lab.hand_over()
        assert lab.hand_over(send=refuse) == ("cached", lab.store.find(action.key))
        assert lab.plan(LAB).steps["t"].state == "cached"
        assert lab.plan(THERE).steps["t"].key == action.key

    def test_what_was_for_one_run_only_comes_here_and_is_asked_for_again(self, lab):
        text = LAB.replace("target: {name", "lose: the phone, target: {name")
        for asked in (1, 2):
            state, action = lab.hand_over(text)
            assert (state, action.provisional, len(lab.jobs)) == ("done", ("the phone",), asked)

    def test_the_code_of_recipes_is_in_the_key_there_too(self, lab):
        _, action = lab.hand_over(LAB.replace("target: {name", "lose: nets/small, target: {name"))
        assert list(action.document["recipe_code"]) == ["playground.nets:make"]

    def test_before_the_machine_has_told_what_it_is_the_key_is_not_known(self, lab):
        lab.run("m: {uses: build}")
        step = lab.plan(LAB).steps["t"]
        assert (step.state, step.key) == ("run", None)
        assert step.reasons == ("the machine that will make it has not told yet what it is",)

    def test_no_toolchain_is_built_here_for_it(self, lab):
        pipeline = lab.resolve(LAB)
        assert lab.identities(pipeline).wanted(pipeline.nodes["t"]) == []

    @pytest.mark.slow
    def test_by_force_it_is_made_again_and_another_machine_gives_another_key(self, lab, monkeypatch):
        _, first = lab.hand_over()
        monkeypatch.setenv("PLAYGROUND_DESK", "pine")
        assert lab.hand_over(send=refuse)[1].key == first.key
        state, second = lab.hand_over(force=True)
        assert state == "done"
        assert second.document["target"]["identity"] == {"desk": "pine"}
        assert lab.plan(LAB).steps["t"].key == second.key != first.key

    @pytest.mark.slow
    def test_what_that_machine_knows_already_is_only_sent(self, lab):
        _, action = lab.hand_over()
        lab.store = Store.open(lab.folder / "another")
        assert lab.hand_over()[1].key == action.key
        assert [result.state for result in lab.heard.results] == ["done", "cached"]

    def test_a_password_in_the_remote_s_url_stays_here(self, lab):
        lab.remote.url = "ftp://me:secret@host/share"
        with pytest.raises(AssertionError):
            lab.hand_over(send=lambda job: refuse(lab.jobs.append(job)))
        assert lab.jobs[0]["remote"] == "ftp://host/share"


class TestRefusals:
    def test_without_a_remote_store_nothing_is_handed_over(self, lab):
        lab.remote = None
        with pytest.raises(UserError, match=r"t: a node that goes to a work pool needs a remote store"):
            lab.hand_over(send=refuse)
        with pytest.raises(UserError, match="needs a remote store"):
            refuse_unreachable(lab.resolve(LAB).nodes.values(), None)

    @pytest.mark.slow
    def test_without_a_prefect_api_that_is_known_before_the_run(self, lab):
        with pytest.raises(UserError, match="a work pool needs a Prefect API"):
            refuse_unreachable(lab.resolve(LAB).nodes.values(), lab.remote)

    def test_nodes_that_stay_here_need_neither(self, lab):
        refuse_unreachable(lab.resolve(THERE).nodes.values(), None)

    def test_another_version_is_named(self, lab):
        lab.change = {"edgesmith": "0.0.1"}
        with pytest.raises(UserError, match=r"another edgesmith than the one that asks: edgesmith 0\.0\.1, and "):
            lab.hand_over()

    def test_another_version_of_the_contract_is_named(self, lab):
        lab.change = {"contract": 99}
        with pytest.raises(UserError, match="contract 99, and"):
            lab.hand_over()

    def test_other_code_of_the_stage_is_named(self, lab):
        def older(job):
            return lab.send({**job, "claims": {**job["claims"], "source": "0" * 64}})

        with pytest.raises(UserError, match=r"would make something else: source: 000000000000 -> [0-9a-f]{12}"):
            lab.hand_over(send=older)
        assert not any(lab.there.glob("actions/*/*"))

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"stage": "tallly"}, "unknown stage 'tallly'; did you mean 'tally'"),
            ({"params": {"target": "desc"}}, "unknown target 'desc'; did you mean 'desk'"),
            ({"params": {"target": {"name": "desk", "row": 1}}}, "the target desk has other params on this machine"),
            ({"params": {"target": "pool"}}, "asked to hand the node on"),
            ({"params": {"odd": 1}}, "the stage tally has other params on this machine: odd"),
            ({"inputs": {"modells": []}}, "unknown input port of tally 'modells'"),
            ({"inputs": 3}, "what was asked for is no errand: inputs"),
        ],
    )
    def test_what_is_not_there_is_named(self, lab, change, told):
        lab.change = change
        with pytest.raises(UserError) as caught:
            lab.hand_over()
        assert told in caught.value.message

    @pytest.mark.slow
    def test_a_machine_that_looks_at_another_remote_store_says_so(self, lab):
        def astray(job):
            return do_errand(read_errand(job), lab.there, f"file://{lab.folder}/elsewhere", lab.heard).action.key

        with pytest.raises(StageFailed, match=r"can't be fetched from the remote store file://.*/elsewhere"):
            lab.hand_over(send=astray)

    @pytest.mark.slow
    def test_a_result_that_is_not_the_node_s_is_not_taken(self, lab):
        _, other = lab.hand_over(LAB.replace("{uses: build}", "{uses: build, with: {factor: 2.5}}"))
        with pytest.raises(StageFailed, match="the work pool 'lab' made something else: inputs"):
            lab.hand_over(send=lambda job: other.key)

    def test_a_result_that_is_nowhere_is_told(self, lab):
        with pytest.raises(StageFailed, match=r"made the key 000000000000, but the remote store .* doesn't have it"):
            lab.hand_over(send=lambda job: "0" * 64)
