"""What is wrong with a pipeline is told before anything runs, all of it, with where it stands and what was expected."""

import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import UserError
from edgesmith_flows.plan import make_plan
from edgesmith_flows.yaml_source import PipelineError


@pytest.fixture
def problems(engine):
    """The problems of a pipeline, as (line, path, message)."""

    def problems(text, **overrides):
        with pytest.raises(PipelineError) as caught:
            engine.resolve(text, overrides)
        return [(p.line, p.path, p.message) for p in caught.value.problems]

    return problems


@pytest.fixture
def problem(problems):
    """The only problem of a pipeline."""

    def problem(text, **overrides):
        (found,) = problems(text, **overrides)
        return found

    return problem


def test_a_sound_pipeline_is_resolved_in_the_order_it_runs(engine):
    pipeline = engine.resolve("""
        b: {uses: shout, needs: {text: a}}
        a: {uses: write}
        """)
    assert list(pipeline.nodes) == ["a", "b"]
    assert pipeline.nodes["b"].upstream == ["a"]


def test_an_unknown_stage_is_told_with_the_nearest_one(problem):
    line, path, message = problem("a: {uses: wriet}")
    assert (line, path) == (3, "stages.a.uses")
    assert message.startswith("unknown stage 'wriet'; did you mean 'write'?")


def test_an_unknown_param_is_told_with_the_nearest_one(problem):
    line, path, message = problem("""\
        a:
          uses: write
          with:
            text: x
            copys: 2
        """)
    assert (line, path) == (7, "stages.a.with.copys")
    assert message == "unknown key; did you mean 'copies'? (known: copies, text)"


def test_a_param_that_people_look_for_here_in_vain_is_told_with_its_place(problem):
    _, path, message = problem("a: {uses: write, with: {volume: 3}}")
    assert path == "stages.a.with.volume"
    assert message == "unknown key: how loud is for `shout`"


def test_a_param_out_of_range_is_told_with_its_range(problem):
    _, path, message = problem("a: {uses: write, with: {copies: 0}}")
    assert path == "stages.a.with.copies"
    assert message == "expected greater than or equal to 1, got 0"


def test_a_param_of_few_choices_is_told_with_the_nearest_one(problem):
    _, path, message = problem("a: {uses: mischief, with: {how: pritn}}")
    assert path == "stages.a.with.how"
    assert "'segfault'" in message
    assert "did you mean 'print'?" in message


def test_a_missing_param_is_told(problem):
    assert problem("a: {uses: mischief}")[1:] == ("stages.a.with.how", "is required and missing")


def test_an_unknown_node_is_told_with_the_nearest_one(problem):
    _, path, message = problem("""
        first: {uses: write}
        b: {uses: shout, needs: {text: frist}}
        """)
    assert path == "stages.b.needs.text"
    assert message == "unknown node 'frist'; did you mean 'first'? (known: b, first)"


def test_an_unknown_port_is_told_with_the_ports_there_are(problems):
    found = problems("""
        a: {uses: write}
        b: {uses: shout, needs: {txt: a}}
        """)
    assert ("stages.b.needs.txt", "unknown input port 'txt'; did you mean 'text'? (known: text)") in [
        p[1:] for p in found
    ]


def test_a_stage_without_inputs_takes_no_needs(problem):
    assert (
        problem("""
        a: {uses: write}
        b: {uses: write, needs: {text: a}}
        """)[2]
        == "write takes no input"
    )


def test_a_wrong_kind_on_a_port_is_told_with_what_was_expected_and_what_is_given(problem):
    _, path, message = problem("""
        a: {uses: build}
        b: {uses: shout, needs: {text: a}}
        """)
    assert path == "stages.b.needs.text"
    assert message == "expected text, but a (build) gives model: sign"


def test_a_kind_derived_from_the_ports_kind_fits(engine):
    pipeline = engine.resolve("""
        a: {uses: write}
        b: {uses: split, needs: {text: a}}
        c: {uses: shout, needs: {text: b.right}}
        """)
    assert pipeline.nodes["c"].kinds["text"][0].kind == "essay"


def test_an_input_port_that_is_not_connected_is_told(problem):
    _, path, message = problem("a: {uses: shout}")
    assert path == "stages.a.needs"
    assert message == "the input port 'text' (text) of shout is not connected"


def test_an_optional_port_may_be_left_out(engine):
    pipeline = engine.resolve("""
        a: {uses: write}
        b: {uses: gather, needs: {texts: [a]}}
        """)
    assert pipeline.nodes["b"].needs["title"] == ()


def test_a_port_for_one_takes_one(problem):
    _, path, message = problem("""
        a: {uses: write}
        b: {uses: write}
        c: {uses: shout, needs: {text: [a, b]}}
        """)
    assert path == "stages.c.needs.text"
    assert message == "takes one node, got 2: a, b"


def test_a_bare_need_goes_to_the_only_input_port(engine):
    assert engine.resolve("""
        a: {uses: write}
        b: {uses: shout, needs: a}
        """).nodes["b"].upstream == ["a"]


def test_a_bare_need_goes_to_the_only_port_that_must_have_one(engine):
    needs = (
        engine.resolve("""
        a: {uses: write}
        b: {uses: gather, needs: a}
        """)
        .nodes["b"]
        .needs
    )
    assert ([one.node for one in needs["texts"]], needs["title"]) == (["a"], ())


def test_a_bare_need_where_several_ports_must_have_one_is_told(problems):
    assert "pair has 2 input ports (first, second); say which: {PORT: NODE}" in [
        message for _, _, message in problems("""
        a: {uses: write}
        b: {uses: pair, needs: a}
        """)
    ]  # fmt: skip


def test_several_outputs_that_fit_must_be_told_apart(problem):
    assert (
        problem("""
        a: {uses: write}
        b: {uses: split, needs: a}
        c: {uses: shout, needs: b}
        """)[2]
        == "several outputs of b fit; say which, e.g. b.left"
    )


def test_an_unknown_output_is_told_with_the_nearest_one(problem):
    assert problem("""
        a: {uses: write}
        b: {uses: split, needs: a}
        c: {uses: shout, needs: b.lft}
        """)[2].startswith("unknown output of b 'lft'; did you mean 'left'?")


def test_a_cycle_is_told_as_a_path(problem):
    line, path, message = problem("""\
        a: {uses: shout, needs: c}
        b: {uses: shout, needs: a}
        c: {uses: shout, needs: b}
        """)
    assert (line, path) == (3, "stages.a.needs")
    assert message == "a cycle: a needs c needs b needs a"


def test_a_node_that_needs_itself_is_a_cycle(problem):
    assert problem("a: {uses: shout, needs: a}")[2] == "a cycle: a needs a"


def test_nodes_behind_a_broken_one_are_not_complained_of(problems):
    assert len(problems("""
        a: {uses: nothing}
        b: {uses: shout, needs: a}
        c: {uses: shout, needs: b}
        """)) == 1  # fmt: skip


def test_all_problems_are_told_together_in_the_order_of_the_file(engine):
    text = """\
        name: many
        params: {unused: 1}
        stages:
          a: {uses: wriet}
          b: {uses: write, with: {copies: 0, txt: x}}
          c: {uses: shout, needs: nobody}
          d: {uses: shout, needs: e}
          e: {uses: shout, needs: d}
        gates:
          - nobody.x > 3
        """
    with pytest.raises(PipelineError) as caught:
        engine.resolve(text)
    file = engine.folder / "pipeline.yaml"
    first, *lines = str(caught.value).splitlines()
    assert first == f"{file}: 6 problems, nothing was run"
    starts = [line.strip().split(": ")[:2] for line in lines]
    assert starts == [
        [f"{file}:4", "stages.a.uses"],
        [f"{file}:5", "stages.b.with.copies"],
        [f"{file}:5", "stages.b.with.txt"],
        [f"{file}:6", "stages.c.needs"],
        [f"{file}:7", "stages.d.needs"],
        [f"{file}:10", "gates[0]"],
    ]


class TestParams:
    def pipeline(self, params, stages):
        return f"name: x\nparams: {params}\nstages:\n" + textwrap.indent(textwrap.dedent(stages), "  ")

    def test_a_pipeline_param_is_the_default_of_stage_params_of_the_same_name(self, engine):
        nodes = engine.resolve(
            self.pipeline("{text: hi}", "a: {uses: write}\nb: {uses: write, with: {text: mine}}\n")
        ).nodes
        assert (nodes["a"].params.text, nodes["b"].params.text) == ("hi", "mine")

    def test_an_inherited_value_that_does_not_fit_is_told_where_it_was_given(self, problem):
        line, path, message = problem(self.pipeline("{copies: 0}", "a: {uses: write}"))
        assert (line, path) == (2, "params.copies")
        assert message.startswith("expected greater than or equal to 1")

    def test_a_param_that_nothing_uses_is_told(self, problem):
        line, path, message = problem(self.pipeline("{copies: 1, epochs: 3}", "a: {uses: write}"))
        assert (line, path) == (2, "params.epochs")
        assert message.startswith("is used by no node")

    def test_the_seed_is_always_used(self, engine):
        assert engine.resolve(self.pipeline("{seed: 7}", "a: {uses: write}")).seed == 7

    @pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "true", "x", "[1]"])
    def test_a_seed_is_a_32_bit_number(self, problem, seed):
        assert problem(self.pipeline(f"{{seed: {seed}}}", "a: {uses: write}"))[1] == "params.seed"

    def test_a_param_may_come_from_the_environment(self, engine, monkeypatch):
        monkeypatch.setenv("GREETING", "hi")
        text = self.pipeline("{text: '${env.GREETING}'}", "a: {uses: write}")
        assert engine.resolve(text).nodes["a"].params.text == "hi"

    @pytest.mark.parametrize("text", ["${params.copies}", "${env.NOT_SET}", "${matrix.x}"])
    def test_a_param_may_use_nothing_but_the_environment(self, problems, text):
        found = problems(self.pipeline(f"{{text: '{text}'}}", "a: {uses: write}"))
        assert found[0][:2] == (2, "params.text")

    def test_an_unknown_expression_is_told_where_it_stands(self, problem):
        line, path, message = problem(self.pipeline("{text: x}", "a: {uses: write, with: {text: '${params.txt}'}}"))
        assert (line, path) == (4, "stages.a.with.text")
        assert "did you mean 'text'?" in message

    def test_set_changes_a_param_or_one_node(self, engine):
        text = self.pipeline("{text: hi}", "a: {uses: write}\nb: {uses: write}\n")
        nodes = engine.resolve(text, {"text": "all", "b.text": "only b"}).nodes
        assert (nodes["a"].params.text, nodes["b"].params.text) == ("all", "only b")

    def test_a_param_that_set_made_useless_is_no_problem(self, engine):
        engine.resolve(self.pipeline("{text: hi}", "a: {uses: write}"), {"a.text": "ho"})

    def test_a_wrong_set_is_told_like_a_wrong_line(self, problem):
        assert problem("a: {uses: write}", **{"a.copys": 3})[1] == "stages.a.with.copys"


class TestTargets:
    def tally(self, target):
        return "m: {uses: build}\nt: {uses: tally, needs: {models: m}, with: {target: " + target + "}}"

    def test_a_target_takes_params_beside_its_name(self, engine):
        assert engine.resolve(self.tally("{name: shelf, row: 4}")).nodes["t"].target.params.row == 4

    def test_an_unknown_target_is_told_with_the_nearest_one(self, problem):
        _, path, message = problem(self.tally("shelve"))
        assert path == "stages.t.with.target"
        assert "unknown target 'shelve'; did you mean 'shelf'?" in message

    def test_a_targets_own_params_are_checked_with_the_nearest_name(self, problems):
        found = {path: message for _, path, message in problems(self.tally("{name: shelf, rwo: 3, row: 0}"))}
        assert "did you mean 'row'?" in found["stages.t.with.target.rwo"]
        assert "greater than or equal to 1" in found["stages.t.with.target.row"]

    def test_a_target_is_asked_before_the_run(self, problem):
        message = problem(self.tally("{name: shelf, row: 10}"))[2]
        assert message == "the shelf has 9 rows\n  hint: choose one of them"

    def test_a_target_may_come_from_the_pipelines_params(self, problem, engine):
        text = "name: tiny\nparams: {target: %s}\nstages:\n  m: {uses: build}\n  t: {uses: tally, needs: {models: m}}\n"
        assert engine.resolve(text % "shelf").nodes["t"].target.name == "shelf"
        assert problem(text % "shelve")[1] == "params.target"


class TestDatasetsAndFiles:
    def test_an_unknown_dataset_is_told_with_the_nearest_one(self, problem):
        _, path, message = problem("a: {uses: quote, with: {data: word}}")
        assert path == "stages.a.with.data"
        assert "unknown dataset 'word'; did you mean 'words'?" in message

    def test_a_datasets_own_params_are_checked(self, problems):
        found = problems("a: {uses: quote, with: {data: {name: words, pth: x}}}")
        assert {path for _, path, _ in found} == {"stages.a.with.data.path", "stages.a.with.data.pth"}

    def test_a_dataset_is_looked_at_before_the_run(self, problem):
        message = problem("a: {uses: quote, with: {data: {name: words, path: /nowhere}}}")[2]
        assert "there are no words in '/nowhere'" in message
        assert "write some" in message

    def test_a_file_that_is_not_there_is_told(self, problem):
        assert problem("a: {uses: quote, with: {file: /nowhere}}")[1:] == (
            "stages.a.with.file",
            "there is no file '/nowhere'",
        )

    def test_a_stages_own_check_is_told_where_it_stands(self, problem):
        _, path, message = problem("a: {uses: quote}")
        assert path == "stages.a.with"
        assert "nothing to quote" in message


class TestMatrix:
    def test_a_matrix_makes_one_node_per_combination(self, engine):
        nodes = engine.resolve("""
            a: {uses: write, matrix: {word: [x, y]}, with: {text: "${matrix.word}"}}
            """).nodes
        assert {name: node.params.text for name, node in nodes.items()} == {"a@x": "x", "a@y": "y"}

    def test_combinations_are_connected_by_their_shared_axes(self, engine):
        nodes = engine.resolve("""
            a: {uses: write, matrix: {word: [x, y]}, with: {text: "${matrix.word}"}}
            b: {uses: shout, matrix: {word: [x, y], marks: [1, 2]}, needs: a, with: {marks: "${matrix.marks}"}}
            """).nodes
        assert nodes["b@y-2"].upstream == ["a@y"]

    def test_a_list_port_takes_every_combination(self, engine):
        nodes = engine.resolve("""
            a: {uses: write, matrix: {word: [x, y]}, with: {text: "${matrix.word}"}}
            b: {uses: gather, needs: {texts: a}}
            """).nodes
        assert nodes["b"].upstream == ["a@x", "a@y"]

    def test_one_combination_may_be_needed_by_name(self, engine):
        nodes = engine.resolve("""
            a: {uses: write, matrix: {word: [x, y]}, with: {text: "${matrix.word}"}}
            b: {uses: shout, needs: a@y}
            """).nodes
        assert nodes["b"].upstream == ["a@y"]

    def test_a_combination_that_is_not_there_is_told_with_the_nearest_one(self, problem):
        assert problem("""
            a: {uses: write, matrix: {word: [one, two]}, with: {text: "${matrix.word}"}}
            b: {uses: shout, needs: a@tow}
            """)[2].startswith("unknown node 'a@tow'; did you mean 'a@two'?")

    def test_a_problem_in_every_combination_is_told_once(self, problem):
        assert problem("a: {uses: write, matrix: {n: [1, 2]}, with: {copies: 0}}")[1] == "stages.a.with.copies"

    def test_an_axis_may_come_from_a_param(self, engine):
        nodes = engine.resolve("""
            name: x
            params: {words: [x, y]}
            stages:
              a: {uses: write, matrix: {word: "${params.words}"}, with: {text: "${matrix.word}"}}
            """).nodes
        assert list(nodes) == ["a@x", "a@y"]


class TestGates:
    def gated(self, gate):
        return f"name: x\nstages:\n  my-a: {{uses: write}}\ngates:\n  - {gate}\n"

    def test_a_gate_may_spell_a_nodes_dash_as_underscore(self, engine):
        assert engine.resolve(self.gated("my_a.letters > 3")).gates == ("my_a.letters > 3",)

    def test_a_gate_may_use_a_param(self, engine):
        text = "name: x\nparams: {least: 3}\nstages:\n  a: {uses: write}\ngates:\n  - a.letters > ${params.least}\n"
        assert engine.resolve(text).gates == ("a.letters > 3",)

    def test_a_gate_on_an_unknown_node_is_told(self, problem):
        line, path, message = problem(self.gated("your_a.letters > 3"))
        assert (line, path) == (5, "gates[0]")
        assert message.startswith("unknown node 'your_a'")

    @pytest.mark.parametrize("gate", ["'my_a.letters >'", "'a b'", '"\\0"', "'" + "(" * 300 + "'"])
    def test_a_gate_that_is_no_expression_is_told(self, problem, gate):
        assert problem(self.gated(gate))[1] == "gates[0]"


NAMES = st.sampled_from(["a", "b", "a@x", "b.left", "b.right", "nobody", "a.text", "@", "", "a b"])
STAGES = st.sampled_from(
    ["write", "shout", "gather", "split", "quote", "build", "tally", "demand", "mischief", "nothing"]
)
ODD = st.sampled_from(
    [None, True, -1, 0.5, float("inf"), "x", "${params.p}", "${matrix.m}", "${env.NOPE}", "${x}", [], {}, [[]]]
)
VALUES = ODD | st.lists(ODD, max_size=2) | st.dictionaries(st.sampled_from(["name", "path", "m", "x"]), ODD, max_size=2)
FIELDS = ["text", "copies", "marks", "data", "file", "target", "package", "specifier", "how", "zz"]
PORTS = st.sampled_from(["text", "texts", "title", "models", "zz"])
NODE = st.fixed_dictionaries(
    {"uses": STAGES},
    optional={
        "needs": NAMES | st.lists(NAMES, max_size=2) | st.dictionaries(PORTS, NAMES | st.lists(NAMES), max_size=2),
        "with": st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
        "matrix": st.dictionaries(st.sampled_from(["m", "n"]), st.lists(ODD, max_size=3) | ODD, max_size=2),
        "timeout": ODD,
        "retries": ODD,
    },
)  # fmt: skip
DOCUMENT = st.fixed_dictionaries(
    {"name": st.just("x"), "stages": st.dictionaries(st.sampled_from(["a", "b", "c-d"]), NODE, max_size=3)},
    optional={
        "params": st.dictionaries(st.sampled_from(["p", "seed", "text", "data", "how"]), VALUES, max_size=3),
        "gates": st.lists(st.sampled_from(["a.x > 1", "c_d.x == 1", "${params.p}", "a[", "zz"]) | ODD, max_size=2),
    },
)


@given(DOCUMENT)
def test_no_pipeline_raises_anything_but_a_users_error(shared_engine, document):
    try:
        pipeline = shared_engine.resolve(yaml.safe_dump(document))
    except UserError as error:
        assert "Traceback" not in str(error)
    else:
        make_plan(pipeline, shared_engine.store, shared_engine.identities(pipeline))
