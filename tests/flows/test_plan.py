from dataclasses import replace

import pytest

from edgesmith import UserError

CHAIN = """
    a: {uses: write}
    b: {uses: shout, needs: a}
    c: {uses: gather, needs: {texts: [a, b]}}
    """


def states(plan):
    return {name: step.state for name, step in plan.steps.items()}


def test_in_an_empty_store_the_first_node_runs_and_the_others_wait(engine):
    plan = engine.plan(CHAIN)
    assert states(plan) == {"a": "run", "b": "wait", "c": "wait"}
    assert plan.steps["a"].reasons == ("never run here",)
    assert plan.steps["c"].reasons == ("depends on a, b",)
    assert not plan.done


def test_after_a_run_all_is_cached(engine):
    engine.run(CHAIN)
    plan = engine.plan(CHAIN)
    assert states(plan) == {"a": "cached", "b": "cached", "c": "cached"}
    assert plan.done


def test_a_changed_node_runs_and_only_what_depends_on_it_waits(engine):
    engine.run(CHAIN)
    assert states(engine.plan(CHAIN, **{"b.marks": 3})) == {"a": "cached", "b": "run", "c": "wait"}


def test_a_forced_node_runs_though_it_is_cached(engine):
    engine.run(CHAIN)
    plan = engine.plan(CHAIN, force={"b"})
    assert states(plan) == {"a": "cached", "b": "run", "c": "wait"}
    assert plan.steps["b"].reasons == ("forced",)


def test_only_some_nodes_may_be_planned(engine):
    assert states(engine.plan(CHAIN, only={"a", "b"})) == {"a": "run", "b": "wait"}


def test_a_node_whose_artifact_is_gone_runs_again(engine):
    run = engine.run(CHAIN)
    engine.store.set_aside(run.executor.results["b"].action.outputs["text"])
    assert states(engine.plan(CHAIN)) == {"a": "cached", "b": "run", "c": "wait"}


def test_a_node_whose_manifest_is_damaged_runs_again(engine):
    run = engine.run(CHAIN)
    (run.output("b").parent / "manifest.json").write_text("")
    assert states(engine.plan(CHAIN)) == {"a": "cached", "b": "run", "c": "wait"}
    assert engine.run(CHAIN).states["b"] == "done"


def test_a_record_that_is_not_the_nodes_is_a_reason_to_run(engine):
    action = engine.run(CHAIN).executor.results["a"].action
    engine.store.record(replace(action, outputs={}))
    plan = engine.plan(CHAIN)
    assert states(plan) == {"a": "run", "b": "wait", "c": "wait"}
    (reason,) = plan.steps["a"].reasons
    assert reason == "the store's record doesn't fit: it has no output; expected the outputs 'text'"
    assert engine.run(CHAIN).states == {"a": "done", "b": "cached", "c": "cached"}


def test_a_toolchain_that_must_be_built_is_a_reason_to_run(engine):
    plan = engine.plan("a: {uses: demand, with: {package: click, specifier: '<1'}}")
    assert plan.steps["a"].reasons == ("its toolchain must be built (click<1)",)
    assert plan.steps["a"].key is None


class TestChoosing:
    @pytest.fixture
    def session(self, engine):
        from edgesmith_flows.session import Session

        pipeline = engine.resolve("""
            a: {uses: write, matrix: {word: [x, y]}, with: {text: "${matrix.word}"}}
            b: {uses: shout, needs: a@x}
            c: {uses: write, with: {text: c}}
            """)
        return Session(pipeline, engine.registry, engine.store, engine.identities(pipeline))

    def plan(self, session, **given):
        from edgesmith_flows.session import plan_session

        return plan_session(session, **given)

    def test_only_takes_a_node_and_what_it_needs(self, session):
        assert list(self.plan(session, only=["b"])[0].steps) == ["a@x", "b"]

    def test_a_matrix_is_named_whole_or_by_combination(self, session):
        assert list(self.plan(session, only=["a"])[0].steps) == ["a@x", "a@y"]
        assert list(self.plan(session, only=["a@y"])[0].steps) == ["a@y"]

    def test_force_names_nodes_the_same_way(self, session):
        assert self.plan(session, force=["a"])[1] == {"a@x", "a@y"}

    @pytest.mark.parametrize("option", ["only", "force"])
    def test_an_unknown_node_is_told_with_the_nearest_one(self, session, option):
        with pytest.raises(UserError, match="unknown node 'a@z'; did you mean 'a@y'"):
            self.plan(session, **{option: ["a@z"]})

    def test_forcing_a_node_that_only_leaves_out_is_refused(self, session):
        with pytest.raises(UserError, match="--force c: --only leaves this node out"):
            self.plan(session, only=["b"], force=["c"])
