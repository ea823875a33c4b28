"""Code that the recipes of torch models name is part of the keys of all that rebuild them."""

import textwrap

import pytest

LINE = """
net: {uses: train, with: {data: digits, model: nets/small}}
fused: {uses: fuse, needs: {model: net}}
onnx: {uses: export-onnx, needs: {model: fused}}
int8: {uses: quantize, needs: {model: onnx}, with: {scheme: dynamic-int8}}
timm: {uses: train, with: {data: digits, model: test_byobnet}}
fused-timm: {uses: fuse, needs: {model: timm}}
student: {uses: distill, needs: {teacher: net}, with: {data: digits, model: test_byobnet}}
"""


def code(engine, text):
    """By node, the code in its key."""
    return {name: node.recipe_code for name, node in engine.resolve(text).nodes.items() if node.recipe_code}


def keys(engine, text):
    """By node, its key if the inputs had one and the same digest all the time."""
    pipeline = engine.resolve(text)
    identities = engine.identities(pipeline)
    inputs = {
        name: {port: ["d"] * len(one) for port, one in node.needs.items()} for name, node in pipeline.nodes.items()
    }
    return {name: identities.key(identities.document(node, inputs[name])) for name, node in pipeline.nodes.items()}


def changed_by(playground, text, *edit):
    before = keys(playground.engine, text)
    playground.edit(*edit)
    after = keys(playground.engine, text)
    return {name for name in before if before[name] != after[name]}


def test_a_changed_network_changes_the_keys_of_what_makes_and_of_what_rebuilds_it(playground):
    assert changed_by(playground, LINE, "nets.py", "nn.ReLU()", "nn.GELU()") == {"net", "fused", "onnx", "student"}


def test_another_factory_does_too(playground):
    assert "net" in changed_by(playground, LINE, "nets.py", ":make", ":create")


def test_models_of_timm_know_nothing_of_it(engine):
    assert code(engine, LINE).keys() == {"net", "fused", "onnx", "student"}


def test_a_source_may_be_named_anywhere_in_the_params(engine):
    text = "r: {uses: write, with: {text: nets/small}}"
    assert code(engine, text) == {"r": ("playground.nets:make",)}
    assert code(engine, text.replace("nets/", "nests/")) == {}


def test_the_module_of_a_stage_that_changes_torch_models_counts_behind_it(playground):
    text = """
        net: {uses: train, with: {data: digits, model: test_byobnet}}
        odd: {uses: tinker, needs: {model: net}}
        fused: {uses: fuse, needs: {model: odd}}
        """
    assert changed_by(playground, text, "tinker.py", "ReLU6()", "Hardswish()") == {"odd", "fused"}


@pytest.mark.parametrize(("gives", "found"), [("net", ("playground.nets:make",)), ("onnx", ())])
def test_what_a_search_delivers_brings_the_code_of_its_pipeline(engine, tmp_path, gives, found):
    (tmp_path / "inner.yaml").write_text("name: inner\nparams: {epochs: 1}\nstages:\n" + textwrap.indent(LINE, "  "))
    given = f"pipeline: {tmp_path}/inner.yaml, space: {{epochs: [1, 2]}}, deliver: {gives}"
    text = f"s: {{uses: search, with: {{{given}, objectives: {{size: {{maximize: net.top1}}}}}}}}"
    assert engine.resolve(text).nodes["s"].recipe_code == found


def test_code_that_is_only_where_the_stage_runs_is_no_error(playground):
    playground.edit("nets.py", 'f"{__name__}:make"', '"not_here.nets:make"')
    engine = playground.engine
    pipeline = engine.resolve(LINE)
    document = engine.identities(pipeline).document(pipeline.nodes["net"], {})
    assert document["recipe_code"] == {"not_here.nets:make": "not installed here"}
