"""Nodes are made, or found in the store."""

import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgesmith import Cancelled
from edgesmith_flows import store as store_module
from edgesmith_flows.blame import PluginFailed
from edgesmith_flows.memo import hash_file
from edgesmith_flows.worker.client import WorkerPool

CHAIN = """
a: {uses: write, with: {text: hi}}
b: {uses: shout, needs: a}
c: {uses: gather, needs: {texts: [a, b]}}
"""


def damage(run, node, port="text"):
    file = next(run.output(node, port).iterdir())
    file.chmod(0o644)
    file.write_bytes(b"damaged")


class TestMaking:
    def test_a_pipeline_gives_what_its_stages_make(self, engine):
        run = engine.run(CHAIN)
        assert run.states == {"a": "done", "b": "done", "c": "done"}
        assert run.text("b") == "HI!"
        assert run.figures("c")["total"] == 5

    def test_the_listener_is_told_as_it_happens(self, engine):
        heard = engine.run("a: {uses: write}").heard
        assert heard.begun == ["a"]
        assert heard.logs == [("a", "INFO", "wrote 5 letters")]
        assert heard.figures == [("a", 1, 1, {"letters": 5})]
        assert [result.state for result in heard.results] == ["done"]

    def test_the_seed_reaches_the_stage(self, engine):
        run = engine.run("name: x\nparams: {seed: 7}\nstages: {a: {uses: write}}")
        assert run.figures("a")["seed"] == 7

    def test_a_stage_reads_the_dataset_and_the_file_that_its_params_name(self, engine, tmp_path):
        (tmp_path / "words").write_text("one two")
        run = engine.run(f"""
            a: {{uses: quote, with: {{data: {{name: words, path: {tmp_path / "words"}}}}}}}
            b: {{uses: quote, with: {{file: {tmp_path / "words"}}}}}
            """)
        assert run.text("a") == run.text("b") == "one two"

    def test_an_optional_input_that_is_left_out_is_none_and_one_that_is_given_is_there(self, engine):
        run = engine.run("""
            a: {uses: write}
            without: {uses: gather, needs: {texts: a}}
            with: {uses: gather, needs: {texts: a, title: a}}
            """)
        titles = [(run.output(name, "report") / "report.json").read_text() for name in ("without", "with")]
        assert '"title": null' in titles[0]
        assert '"title": "hello"' in titles[1]

    def test_a_measuring_stage_runs_models_in_processes_of_their_own(self, engine):
        run = engine.run("""
            m: {uses: build, matrix: {factor: [1.0, 3.0]}, with: {factor: "${matrix.factor}"}}
            t: {uses: tally, needs: {models: m}}
            """)
        assert run.figures("t")["models"] == [{"top1": 1.0}, {"top1": 1.0}]

    def test_or_on_a_target_with_params_that_brings_its_own_runtime(self, engine):
        run = engine.run("""
            m: {uses: build}
            t: {uses: tally, needs: {models: m}, with: {target: {name: shelf, row: 2}}}
            """)
        assert run.figures("t")["models"] == [{"top1": 0.0}]


class TestCaching:
    def test_a_second_run_makes_nothing(self, engine):
        engine.run(CHAIN)
        again = engine.run(CHAIN)
        assert set(again.states.values()) == {"cached"}
        assert again.heard.begun == []
        assert again.figures("c")["total"] == 5

    def test_a_change_makes_what_depends_on_it_and_nothing_else(self, engine):
        engine.run(CHAIN)
        run = engine.run(CHAIN.replace("shout,", "shout, with: {marks: 3},"))
        assert run.states == {"a": "cached", "b": "done", "c": "done"}

    def test_where_a_change_gives_the_same_bytes_the_wave_stops(self, engine):
        engine.run("""
            a: {uses: write, with: {text: hihi}}
            b: {uses: shout, needs: a}
            """)
        run = engine.run("""
            a: {uses: write, with: {text: hi, copies: 2}}
            b: {uses: shout, needs: a}
            """)
        assert run.states == {"a": "done", "b": "cached"}

    def test_a_forced_node_runs_again_and_what_depends_on_it_does_not_if_it_repeats_itself(self, engine):
        engine.run(CHAIN)
        assert engine.run(CHAIN, force={"a"}).states == {"a": "done", "b": "cached", "c": "cached"}

    def test_two_nodes_with_one_key_are_made_once(self, engine):
        run = engine.run("""
            a: {uses: write}
            b: {uses: write, with: {copies: 1}}
            """)
        assert run.states == {"a": "done", "b": "cached"}


class TestProvisional:
    """A stage says `ctx.provisional`: what it gives is for this run only."""

    LOSS = """
        a: {uses: mischief, with: {how: lose}}
        b: {uses: shout, needs: a}
        """

    def test_it_goes_on_to_what_needs_it(self, engine):
        run = engine.run(self.LOSS)
        assert run.states == {"a": "done", "b": "done"}
        assert run.text("b") == "DONE!"
        assert run.executor.results["a"].action.provisional == ("the last page was lost",)

    def test_the_next_run_makes_it_again_and_where_the_bytes_are_the_same_nothing_else(self, engine):
        engine.run(self.LOSS)
        assert engine.run(self.LOSS).states == {"a": "done", "b": "cached"}

    def test_a_run_that_loses_nothing_is_kept(self, engine, tmp_path):
        text = f"a: {{uses: mischief, with: {{how: lose, note: {tmp_path / 'phone'}}}}}"
        assert engine.run(text).figures("a") == {"pages": 2}
        (tmp_path / "phone").touch()
        assert engine.run(text).figures("a") == {"pages": 3}
        assert engine.run(text).states == {"a": "cached"}

    def test_its_record_stays_for_the_run_that_made_it(self, engine):
        action = engine.run(self.LOSS).executor.results["a"].action
        kept = engine.store.action(action.key)
        assert (kept.outputs, kept.figures) == (action.outputs, {"pages": 2})
        assert kept.provisional == action.provisional

    def test_a_forced_try_that_loses_something_leaves_what_was_kept_before(self, engine, tmp_path):
        text = f"a: {{uses: mischief, with: {{how: lose, note: {tmp_path / 'phone'}}}}}"
        (tmp_path / "phone").touch()
        engine.run(text)
        (tmp_path / "phone").unlink()
        assert engine.run(text, force={"a"}).figures("a") == {"pages": 2}
        assert engine.run(text).figures("a") == {"pages": 3}

    def test_its_checkpoints_are_gone(self, engine):
        engine.run(self.LOSS)
        assert list((engine.store.root / "scratch").iterdir()) == []


class TestDamage:
    def test_a_damaged_input_is_set_aside_and_made_again(self, engine):
        damage(engine.run(CHAIN), "a")
        run = engine.run(CHAIN, force={"b"})
        assert run.text("a") == "hi"
        assert run.text("b") == "HI!"
        (told,) = [text for node, level, text in run.heard.logs if level == "WARNING" and node == "a"]
        assert "a damaged artifact (text.txt has changed) was set aside in" in told
        assert len(list((engine.store.root / "damaged").iterdir())) == 1

    def test_an_input_that_comes_out_with_other_bytes_gives_the_node_another_key(self, engine):
        text = """
            a: {uses: mischief, with: {how: clock}}
            b: {uses: shout, needs: a}
            """
        before = engine.run(text).executor.results["b"].action
        damage(engine.run(text), "a")
        run = engine.run(text, force={"b"})
        after = run.executor.results["b"].action
        assert run.text("b").startswith(run.text("a"))
        assert after.key != before.key
        assert engine.store.action(after.key).outputs == after.outputs

    def test_a_whole_chain_of_damage_is_mended(self, engine):
        text = CHAIN + "d: {uses: shout, needs: b, with: {marks: 2}}"
        run = engine.run(text)
        damage(run, "a")
        damage(run, "b")
        assert engine.run(text, force={"d"}).text("d") == "HI!!!"

    @pytest.mark.parametrize("how", ["write, with: {text: hi}", "mischief, with: {how: clock}"])
    def test_one_that_many_nodes_need_at_once_is_made_again_once(self, engine, how, monkeypatch):
        consumers = [f"b{number}" for number in range(6)]
        text = f"a: {{uses: {how}}}\n" + "".join(
            f"{name}: {{uses: shout, needs: a, with: {{marks: {number + 1}}}}}\n"
            for number, name in enumerate(consumers)
        )
        text = textwrap.indent(text, "  ")
        text = f"name: wide\nstages:\n{text}"
        damage(engine.run(text), "a")
        executor = engine.executor(text, force=set(consumers))
        executor.make("a")
        monkeypatch.setattr(store_module, "hash_file", lambda path: (time.sleep(0.01), hash_file(path))[1])
        with ThreadPoolExecutor(len(consumers)) as threads:
            results = list(threads.map(executor.make, consumers))
        made = executor.results["a"].action.outputs["text"]
        assert {result.state for result in results} == {"done"}
        assert {digest for result in results for digest in result.action.document["inputs"]["text"]} == {made}
        assert executor.listener.begun.count("a") == 1
        assert len(list((engine.store.root / "damaged").iterdir())) == 1

    def test_a_stage_that_gave_its_input_again_is_mended_with_it(self, engine):
        text = """
            a: {uses: write, with: {text: HI}}
            b: {uses: shout, needs: a, with: {marks: 0}}
            c: {uses: shout, needs: b}
            """
        run = engine.run(text)
        assert run.output("a") == run.output("b")
        damage(run, "a")
        assert engine.run(text, force={"c"}).text("c") == "HI!"

    def test_forcing_a_node_mends_its_own_damaged_output(self, engine):
        damage(engine.run("a: {uses: write}"), "a")
        run = engine.run("a: {uses: write}", force={"a"})
        assert engine.store.verify(run.executor.results["a"].action.outputs["text"]) is None


class TestFailing:
    def test_a_failed_node_keeps_the_others_and_skips_what_needs_it(self, engine):
        run = engine.run("""
            a: {uses: write}
            bad: {uses: mischief, with: {how: failure}}
            b: {uses: shout, needs: bad}
            c: {uses: shout, needs: a}
            """)
        assert run.states == {"a": "done", "bad": "failed", "b": "skipped", "c": "done"}

    def test_a_bug_names_the_stage_and_the_plugin_that_brought_it(self, engine):
        run = engine.run("a: {uses: mischief, with: {how: bug}}")
        assert run.error("a") == "the stage mischief (local module) failed: KeyError: 'no such key'"
        assert run.errors["a"].exit_code == 3

    def test_figures_per_input_that_are_none_are_the_stages_fault_and_nothing_is_published(self, engine):
        run = engine.run("""
            m: {uses: build}
            a: {uses: assay, needs: {models: m}, with: {figures: [{top1: 0.9}], own: {top1: 0.5}}}
            """)
        assert run.error("a").startswith("the stage assay (local module) gave figures for its input 'models' that are")
        assert run.errors["a"].exit_code == 1
        assert [action.document["stage"] for action in engine.store.actions()] == ["build"]

    @pytest.mark.parametrize("how", ["nothing", "vanish"])
    def test_an_output_that_was_not_written_is_told(self, engine, how):
        run = engine.run(f"a: {{uses: mischief, with: {{how: {how}}}}}")
        assert run.error("a") == "the stage mischief (local module) said it was done, but wrote no text"

    def test_a_model_without_its_main_file_is_told(self, playground):
        playground.edit("stages.py", "(folder / Sign.main).write_text", "(folder / 'other').write_text")
        assert playground.engine.run("a: {uses: build}").error("a").endswith("wrote no model/factor.txt")

    def test_a_link_as_output_is_refused(self, engine):
        run = engine.run("a: {uses: mischief, with: {how: link}}")
        assert run.error("a") == "the stage wrote 'link', which is not a regular file"

    def test_a_node_that_takes_too_long_is_stopped(self, engine):
        run = engine.run("a: {uses: mischief, with: {how: sleep}, timeout: 0.7s}")
        assert run.error("a") == "it took longer than its timeout of 0.7 s and was stopped"

    def test_of_a_failed_node_nothing_is_published(self, engine):
        run = engine.run("a: {uses: mischief, with: {how: exit}}")
        assert run.states == {"a": "failed"}
        assert list(engine.store.artifacts()) == []
        assert list((engine.store.root / "tmp").iterdir()) == []

    def test_a_failure_that_nobody_foresaw_is_a_failed_node_too(self, playground):
        """A plugin's target may raise anything while the key is made."""
        playground.edit("target.py", 'return {"desk"', 'return {}["nowhere"] or {"desk"')
        executor = playground.engine.executor("""
            m: {uses: build}
            t: {uses: tally, needs: {models: m}}
            """)
        executor.make("m")
        with pytest.raises(PluginFailed, match=r"identity\(\) of the target 'desk' \(local module\) failed.*nowhere"):
            executor.make("t")
        assert executor.results["t"].state == "failed"

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ("taint", "the stage mischief (local module) changed its input 'text': text.txt has changed"),
            ("beside", "the stage mischief (local module) wrote 'crumbs' beside its outputs (text)"),
        ],
    )
    def test_a_stage_that_breaks_the_rules_gives_nothing(self, engine, how, told):
        text = f"""
            a: {{uses: write}}
            bad: {{uses: mischief, needs: a, with: {{how: {how}}}}}
            """
        run = engine.run(text)
        assert run.error("bad").startswith(told)
        assert "its authors" in run.error("bad")
        assert run.states == {"a": "done", "bad": "failed"}
        assert engine.run(text.replace(f"how: {how}", "how: clock")).states["bad"] == "done"


class TestScratch:
    def test_it_survives_a_failed_try_and_is_gone_after_success(self, engine):
        text = "a: {uses: flaky, with: {failures: 2}}"
        assert engine.run(text).error("a") == "try 1 failed"
        assert engine.run(text).error("a") == "try 2 failed"
        assert engine.run(text).figures("a") == {"tries": 3}
        assert list((engine.store.root / "scratch").iterdir()) == []

    def test_another_key_has_a_scratch_of_its_own(self, engine):
        engine.run("a: {uses: flaky, with: {failures: 1}}")
        assert engine.run("a: {uses: flaky, with: {failures: 2}}").error("a") == "try 1 failed"


class TestTogether:
    def test_two_runs_on_one_store_make_a_node_once(self, engine, tmp_path):
        """The second waits for the first, and finds its result."""
        text = "a: {uses: mischief, with: {how: sleep, seconds: 0.3}}"
        executors, pools = [], []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            pools.append(WorkerPool(tmp_path / name))
            executors.append(engine.executor(text, pool=pools[-1]))
        threads = [threading.Thread(target=executor.make, args=("a",)) for executor in executors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for pool in pools:
            pool.stop()
        assert sorted(executor.results["a"].state for executor in executors) == ["cached", "done"]

    def test_after_an_interruption_nothing_more_is_started(self, engine):
        executor = engine.executor("a: {uses: write}")
        executor.cancelled.set()
        with pytest.raises(Cancelled):
            executor.make("a")
        assert executor.results["a"].state == "cancelled"
        assert executor.listener.begun == []


def test_warnings_are_kept_with_the_result_each_once(engine):
    run = engine.run("a: {uses: mischief, with: {how: worry}}")
    action = run.executor.results["a"].action
    assert action.warnings == ("the text is a worry",)
    assert engine.store.recorded(action.key).warnings == action.warnings
