"""Models by what users call them."""

import json
import shutil
from pathlib import Path

import pytest

from edgesmith import UserError
from edgesmith.testing import run_stage
from edgesmith_flows.named_model import find_model, pipeline_of, plugins_of, told
from edgesmith_flows.store import Store


@pytest.fixture
def store(tmp_path, registry):
    """A store with a run of the pipeline `tiny`: two nodes with models, one with two texts."""
    store = Store.open(tmp_path / "store")
    nodes = {}
    for name, factor in (("a", 1.0), ("b@factor=0.5", 0.5)):
        made = run_stage(registry.stages["build"], tmp_path / name, params={"factor": factor}).outputs["model"]
        nodes[name] = {"outputs": {"model": publish(store, made.path, type(made))}}
    texts = {}
    for port in ("left", "right"):
        (tmp_path / port).mkdir()
        (tmp_path / port / "text.txt").write_text(port)
        texts[port] = publish(store, tmp_path / port, registry.kinds["text"])
    nodes["split"] = {"outputs": texts}
    nodes["late"] = {"outputs": {}, "state": "failed"}
    record = {"pipeline": "tiny", "begun": 1.0, "nodes": nodes}
    (store.root / "runs" / "20260101T000000.000000-tiny.json").write_text(json.dumps(record))
    return store


def publish(store: Store, folder: Path, kind) -> str:
    with store.workspace() as place:
        shutil.copytree(folder, place / "files")
        return store.publish(place / "files", kind)


def factor(model):
    return float(model.file.read_text())


@pytest.mark.parametrize("name", ["tiny:a", "tiny:a.model"])
def test_a_node_of_the_newest_run(store, registry, name):
    model = find_model(name, store, registry)
    assert factor(model) == 1
    assert len(model.digest) == 64


def test_a_matrix_node_with_a_dot_in_its_name(store, registry):
    assert factor(find_model("tiny:b@factor=0.5", store, registry)) == 0.5
    assert factor(find_model("tiny:b@factor=0.5.model", store, registry)) == 0.5


def test_a_node_of_the_pipeline_that_is_said_once(store, registry):
    assert factor(find_model("a", store, registry, pipeline="tiny")) == 1


def test_a_digest_or_its_start(store, registry):
    digest = find_model("tiny:a", store, registry).digest
    assert factor(find_model(digest, store, registry)) == 1
    assert factor(find_model(digest[:8], store, registry, pipeline="tiny")) == 1


def test_a_folder(store, registry, tmp_path):
    """An artifact's files, or the folder that the store keeps them in."""
    digest = find_model("tiny:a", store, registry).digest
    assert factor(find_model(str(tmp_path / "a" / "model"), store, registry)) == 1
    assert factor(find_model(str(store.artifact_folder(digest)), store, registry)) == 1


@pytest.fixture
def namesakes(store, registry, tmp_path, monkeypatch):
    """A working directory with another model in the folders `a`, `tiny:a` and one called like a digest."""
    digest = find_model("tiny:a", store, registry).digest
    monkeypatch.chdir(tmp_path)
    other = run_stage(registry.stages["build"], tmp_path / "other", params={"factor": 7.0}).outputs["model"].path
    shutil.rmtree("a")
    for name in ("a", "tiny:a", digest[:8]):
        shutil.copytree(other, name)
    return digest[:8]


def test_a_node_comes_before_a_folder_of_its_name(store, registry, namesakes):
    """`edgesmith get` copies nodes to folders that are called like them; they may be old."""
    assert factor(find_model("a", store, registry, pipeline="tiny")) == 1
    assert factor(find_model("tiny:a", store, registry)) == 1
    assert pipeline_of("tiny:a") == "tiny"


def test_a_digest_comes_before_a_folder_of_its_name(store, registry, namesakes):
    assert factor(find_model(namesakes, store, registry)) == 1
    assert factor(find_model(namesakes, store, registry, pipeline="tiny")) == 1


def test_a_path_is_a_folder_whatever_it_is_called(store, registry, namesakes):
    assert factor(find_model("./a", store, registry, pipeline="tiny")) == 7
    assert factor(find_model("./tiny:a", store, registry)) == 7
    assert pipeline_of("./tiny:a") is None


def test_a_bare_name_may_be_a_folder_where_it_can_be_nothing_else(store, registry, namesakes):
    """With a pipeline a name that is none of its nodes is refused: an old folder may be called like a node to come."""
    assert factor(find_model("a", store, registry)) == 7
    shutil.copytree("a", "late")
    with pytest.raises(UserError, match="gave nothing in the newest run of tiny"):
        find_model("late", store, registry, pipeline="tiny")


def test_what_was_found_is_told(store, registry, namesakes):
    model = find_model("tiny:a", store, registry)
    assert told(model) == f"the sign artifact {model.digest[:12]}"
    assert told(find_model("./a", store, registry)) == "the sign artifact in a"


def test_a_pipeline_given_by_its_file(store, registry, tmp_path, monkeypatch):
    """Its own name and its plugins are in the file."""
    monkeypatch.chdir(tmp_path)
    text = "name: tiny\nplugins: [playground.plugin]\nstages:\n  a: {uses: build}\n"
    Path("other-name.yaml").write_text(text)
    assert factor(find_model("other-name.yaml:a", store, registry)) == 1
    assert pipeline_of("other-name.yaml:a") == "other-name.yaml"
    assert plugins_of(["other-name.yaml", "no-such-pipeline"]) == ["playground.plugin"]


def test_what_names_no_pipeline(tmp_path):
    assert pipeline_of("0123abcd") is None
    assert pipeline_of(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny:c", "unknown node 'c'"),
        ("tiny:a.modle", "did you mean 'model'"),
        ("tiny:late", "gave nothing in the newest run of tiny"),
        ("tiny:split", "gave 0 models, expected one"),
        ("tiny:split.left", "is no model: its kind is text"),
        ("large:a", "knows no run of large"),
        ("feedbeef", "no artifact starts with 'feedbeef'"),
        ("", "no artifact starts with ''"),
        (".", "there is no model artifact in"),
    ],
)
def test_what_is_not_there_is_a_users_error(store, registry, name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        find_model(name, store, registry)


def test_an_artifact_that_was_removed(store, registry):
    model = find_model("tiny:a", store, registry)
    shutil.rmtree(store.artifact_folder(model.digest))
    with pytest.raises(UserError, match="is no longer in"):
        find_model("tiny:a", store, registry)
