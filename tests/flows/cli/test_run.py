"""`edgesmith run` up to the point where Prefect takes over: bad input, dry runs, and runs with nothing to do."""

import json
import shutil
import textwrap
import time

import pytest

TEXT = """\
name: tiny
params: {marks: 1}
stages:
  a: {uses: write}
  b: {uses: shout, needs: a}
  m: {uses: build}
  t: {uses: tally, needs: {models: m}}
gates:
  - t.top1["m"] >= 1
  - b.marks == 1
"""


@pytest.fixture
def pipeline(project):
    def pipeline(text=TEXT):
        (project / "tiny.yaml").write_text(textwrap.dedent(text))
        return "tiny.yaml"

    return pipeline


@pytest.fixture(scope="module")
def made_once(shared_engine):
    shared_engine.run(TEXT)
    return shared_engine.store.root


@pytest.fixture
def made(made_once, project, tmp_path, monkeypatch):
    """A store in which the pipeline's nodes are made already."""
    monkeypatch.setenv("EDGESMITH_STORE", str(tmp_path / "made"))
    return shutil.copytree(made_once, tmp_path / "made")


class TestBadInput:
    """One message, exit code 1, no traceback, nothing written but the message."""

    def refusal(self, answer):
        assert answer.code == 1
        assert answer.out == ""
        assert "Traceback" not in answer.err
        assert answer.err.count("error: ") == 1
        return answer.err

    def test_of_a_pipeline_is_told_all_at_once(self, edgesmith, pipeline, tmp_path):
        text = "name: x\nstages:\n  a: {uses: wriet}\n  b: {uses: shout, needs: c, with: {mark: 1}}\n"
        lines = self.refusal(edgesmith("run", pipeline(text))).splitlines()
        assert lines[0] == "error: tiny.yaml: 3 problems, nothing was run"
        assert lines[1].startswith("  tiny.yaml:3: stages.a.uses: unknown stage 'wriet'; did you mean 'write'?")
        assert not (tmp_path / "store").exists()

    def test_of_a_name_is_told_with_the_nearest_one(self, call):
        err = self.refusal(call("run", "smoek"))
        assert "unknown pipeline 'smoek'; did you mean 'smoke'?" in err
        assert "hint: give the path of a YAML file, or see `edgesmith list`" in err

    def test_of_a_path(self, call):
        assert "there is no pipeline file 'nowhere/x.yaml'" in self.refusal(call("run", "nowhere/x.yaml"))

    @pytest.mark.parametrize("text", ["", "{", "a: &a [*a]", "\0", "3", "name: 2001-99-99"])
    def test_of_a_file_that_is_no_pipeline(self, call, pipeline, text):
        assert self.refusal(call("run", pipeline(text))).startswith("error: tiny.yaml: ")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--set", "marks"), "expected NAME=VALUE"),
            (("--set", "mark=2"), "unknown param 'mark'; did you mean 'marks'?"),
            (("--set", "z.marks=2"), "unknown node 'z'"),
            (("--set", "a.marsk=2"), "stages.a.with.marsk: unknown key"),
            (("--set", "marks=[1"), "the value is not YAML"),
            (("--only", "z"), "unknown node 'z'"),
            (("--force", "bb"), "unknown node 'bb'; did you mean 'b'?"),
            (("--only", "a", "--force", "b"), "--only leaves this node out"),
        ],
    )
    def test_of_an_option(self, call, pipeline, arguments, message):
        assert message in self.refusal(call("run", pipeline(), *arguments))

    def test_of_a_store_that_cannot_be_written(self, call, pipeline, tmp_path):
        (tmp_path / "file").write_text("")
        err = self.refusal(call("run", pipeline(), "--store", str(tmp_path / "file" / "store")))
        assert "a part of its path is a file" in err


class TestDryRun:
    def test_it_says_what_would_run_and_why_and_runs_nothing(self, edgesmith, pipeline, tmp_path):
        answer = edgesmith("run", pipeline(), "--dry-run")
        assert answer.code == 0, answer.err
        assert answer.out.splitlines() == [
            "a: will run (never run here)",
            "b: will run if its inputs change (depends on a)",
            "m: will run (never run here)",
            "t: will run if its inputs change (depends on m)",
        ]
        assert list((tmp_path / "store" / "artifacts").iterdir()) == []

    def test_a_record_on_the_remote_store_that_is_not_the_nodes_counts_as_absent(self, made, call, pipeline, tmp_path):
        remote = f"file://{tmp_path}/remote"
        assert call("cache", "push", "--store", str(made), "--remote", remote).code == 0
        records = {file: json.loads(file.read_text()) for file in (tmp_path / "remote").glob("actions/??/*.json")}
        (odd,) = [file for file, record in records.items() if record["document"]["stage"] == "build"]
        odd.write_text(json.dumps({**records[odd], "outputs": {}}))
        answer = call("run", pipeline(), "--dry-run", "--store", str(tmp_path / "empty"), "--remote", remote)
        assert answer.code == 0
        assert "a: cached on the remote store\n" in answer.out
        assert "m: will run (never run here)\n" in answer.out
        assert f"{odd.name}: it has no output; expected the outputs 'model'; it counts as absent" in answer.err

    def test_only_takes_a_node_and_what_it_needs(self, call, pipeline):
        assert [line[0] for line in call("run", pipeline(), "--dry-run", "--only", "b").out.splitlines()] == ["a", "b"]

    def test_force_makes_a_cached_node_run(self, made, call, pipeline):
        out = call("run", pipeline(), "--dry-run", "--force", "b").out
        assert "a: cached\nb: will run (forced)\nm: cached\n" in out

    def test_set_changes_a_param_of_the_pipeline_or_of_one_node(self, made, call, pipeline):
        for setting in ("marks=2", "b.marks=2"):
            out = call("run", pipeline(), "--dry-run", "--set", setting).out
            assert "a: cached\n" in out
            assert "b: will run (" in out


class TestNothingToDo:
    def test_the_results_are_printed_without_prefect(self, made, edgesmith, pipeline):
        begun = time.monotonic()
        answer = edgesmith("run", pipeline(), EDGESMITH_STORE=str(made), PREFECT_API_URL="http://nowhere:1")
        assert answer.code == 0, answer.err
        assert time.monotonic() - begun < 5
        lines = answer.out.splitlines()
        assert [line.split("s  ", 1)[1] for line in lines[:4]] == [
            "a: cached  letters=5 seed=0", "b: cached  marks=1", "m: cached  factor=2", "t: cached",
        ]  # fmt: skip
        assert lines[4].split() == ["node", "format", "bytes", "top-1", "status"]
        assert lines[5].split() == ["m", "sign", "3", "1.0000", "ok"]
        assert lines[6] == "ok   t.top1[\"m\"] >= 1  (t.top1['m'] = 1)"
        assert "tiny: 4 nodes (4 cached) in " in lines[8]
        assert lines[9:] == ["next: edgesmith report tiny"]

    def test_a_gate_that_does_not_hold_exits_with_1(self, made, edgesmith, pipeline):
        answer = edgesmith("run", pipeline(TEXT.replace("b.marks == 1", "b.marks > 1")), EDGESMITH_STORE=str(made))
        assert answer.code == 1
        assert "FAIL b.marks > 1  (b.marks = 1)" in answer.out
        assert answer.err == "error: 1 of 2 gates did not hold\n"

    def test_with_only_the_other_nodes_gates_are_not_looked_at(self, made, call, pipeline):
        answer = call("run", pipeline(TEXT.replace("b.marks == 1", "b.marks > 1")), "--only", "t")
        assert answer.code == 0, answer.err
        assert "skip b.marks > 1  (not evaluated: --only)" in answer.out
        assert "b" not in [line.split(":")[0].split()[-1] for line in answer.out.splitlines()]

    def test_a_record_of_the_run_is_kept(self, made, call, pipeline):
        call("run", pipeline())
        (file,) = (made / "runs").iterdir()
        record = json.loads(file.read_text())
        assert record["pipeline"] == "tiny"
        assert {node["state"] for node in record["nodes"].values()} == {"cached"}
        assert [gate["held"] for gate in record["gates"]] == [True, True]


class TestShown:
    """`--json`, `--quiet`, and the command that is most use next."""

    def test_json_is_the_outcome_on_standard_output_and_nothing_else(self, made, edgesmith, pipeline):
        answer = edgesmith("run", pipeline(), "--json", EDGESMITH_STORE=str(made))
        assert answer.code == 0, answer.err
        outcome = json.loads(answer.out)
        assert outcome["ok"] is True and outcome["pipeline"] == "tiny"
        assert (made / "runs" / f"{outcome['run']}.json").is_file()
        assert outcome["rows"][0]["figures"] == {"top1": 1.0}
        assert "a: cached" in answer.err

    def test_json_of_a_run_that_fails_says_so_too(self, made, call, pipeline):
        answer = call("run", pipeline(TEXT.replace("b.marks == 1", "b.marks > 1")), "--json")
        assert answer.code == 1
        assert [gate["held"] for gate in json.loads(answer.out)["gates"]] == [True, False]

    def test_json_of_a_dry_run_is_the_plan(self, made, call, pipeline):
        plan = json.loads(call("run", pipeline(), "--dry-run", "--json", "--force", "b").out)
        assert {name: node["state"] for name, node in plan["nodes"].items()} == {
            "a": "cached", "b": "run", "m": "cached", "t": "cached",
        }  # fmt: skip
        assert plan["nodes"]["b"]["reasons"] == ["forced"]

    def test_quiet_says_nothing_where_all_is_well(self, made, call, pipeline):
        answer = call("run", pipeline(), "--quiet")
        assert (answer.code, answer.out, answer.err) == (0, "", "")

    def test_quiet_names_what_went_wrong(self, made, call, pipeline):
        answer = call("run", pipeline(TEXT.replace("b.marks == 1", "b.marks > 1")), "-q")
        assert (answer.code, answer.out) == (1, "")
        assert answer.err == "error: 1 of 2 gates did not hold\n  b.marks > 1  (b.marks = 1)\n"

    def test_the_next_command_can_be_pasted(self, made, call, pipeline, tmp_path):
        store = shutil.copytree(made, tmp_path / "my store")
        last = call("run", pipeline(), "--store", str(store)).out.splitlines()[-1]
        assert last == f"next: edgesmith report tiny --store '{store}'"

    def test_after_a_failed_node_it_is_another_try(self, engine):
        from edgesmith_flows.cli.run import Shown, next_command
        from edgesmith_flows.results import summarise

        run = engine.run("a: {uses: mischief, with: {how: failure}}")
        summary = summarise(run.executor.plan, run.executor.results, engine.store)
        shown = Shown(again=("tiny.yaml", "--set", "a.how=failure"))
        assert next_command("tiny", summary, shown) == "edgesmith run tiny.yaml --set a.how=failure --only a"

    @pytest.mark.slow
    @pytest.mark.parametrize(("user", "carried"), [("me@", True), ("me:secret@", False)])
    def test_another_try_is_made_in_the_same_way(self, edgesmith, project, user, carried):
        """A password is not shown, wherever it was typed."""
        (project / "tiny.yaml").write_text("name: tiny\nstages:\n  a: {uses: mischief, with: {how: failure}}\n")
        remote = f"ftp://{user}127.0.0.1:9/share"
        answer = edgesmith("run", "tiny.yaml", "--remote", remote, "--runner", "threads", "--offline")
        assert answer.code == 1
        told = f"--remote {remote} " if carried else ""
        again = f"next: edgesmith run tiny.yaml --only a {told}--runner threads --offline"
        assert answer.out.splitlines()[-1] == again
