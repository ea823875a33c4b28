"""The weights that training starts from."""

import http.server
import pickle
import threading
import time

import pytest
import torch
from safetensors.torch import save, save_file

from edgesmith import UserError
from edgesmith.testing import LocalContext
from edgesmith_stages.models.recipe import Recipe, create
from edgesmith_stages.models.steps import Factory, Timm
from edgesmith_stages.training.first_weights import from_checkpoint, pretrained


def recipe(classes=4, model="test_efficientnet"):
    return Recipe(source=Timm(name=model, args={"num_classes": classes}))


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(5)
    return create(recipe(classes=7)).state_dict()


@pytest.fixture
def ctx(tmp_path):
    return LocalContext(tmp_path)


def equal(module, weights, but=""):
    own = module.state_dict()
    return all(torch.equal(own[name], value) for name, value in weights.items() if not but or not name.startswith(but))


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_reads_what_torch_saved(ctx, tmp_path, weights, wrap):
    torch.save(wrap(weights), tmp_path / "w.pth")
    assert equal(from_checkpoint(ctx, recipe(7), tmp_path / "w.pth"), weights)


def test_reads_safetensors_and_starts_another_head_afresh(ctx, tmp_path, weights):
    save_file(weights, tmp_path / "w.safetensors")
    module = from_checkpoint(ctx, recipe(4), tmp_path / "w.safetensors")
    assert equal(module, weights, but="classifier")
    assert module.classifier.weight.shape[0] == 4


def test_says_what_does_not_fit(ctx, tmp_path, weights):
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"(?s)don't fit the model.*missing from the file.*and \d+ more"):
        from_checkpoint(ctx, recipe(7, "test_resnet"), tmp_path / "w.safetensors")


class _Surprise:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps(_Surprise())])
def test_refuses_a_file_that_holds_no_weights(ctx, tmp_path, content, capsys):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(UserError, match="can't be read as weights"):
        from_checkpoint(ctx, recipe(), tmp_path / "w.pth")
    assert "code ran" not in capsys.readouterr().out


def test_refuses_a_file_of_other_things(ctx, tmp_path):
    torch.save({"epochs": 3}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="no state dict"):
        from_checkpoint(ctx, recipe(), tmp_path / "w.pth")


def test_a_hub_that_cannot_be_reached_is_named_at_once(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9: it can't be reached") as raised:
        pretrained(recipe(model="mobilevit_xxs"))
    assert "checkpoint" in raised.value.hint
    assert time.monotonic() - begun < 20
    assert not constants.HF_HUB_OFFLINE


class _Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hugging Face hub does, with one file in every repository."""

    content = b""

    def do_HEAD(self):
        known = self.path == "/" or self.path.endswith("/resolve/main/model.safetensors")
        self.send_response(200 if known else 404)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", '"1234"')
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(self.content)

    def log_message(self, *args):
        pass


FROM_HUB = """
import sys, torch
from edgesmith_stages.models.recipe import Recipe
from edgesmith_stages.models.steps import Timm
from edgesmith_stages.training.first_weights import pretrained

module = pretrained(Recipe(source=Timm(name="test_efficientnet", args={"num_classes": 4})))
print(module.classifier.out_features, float(module.conv_stem.weight.double().sum()))
"""


@pytest.mark.slow
def test_published_weights_come_from_the_hub_and_then_from_its_cache(python, tmp_path):
    torch.manual_seed(6)
    published = create(recipe(classes=1000)).state_dict()
    handler = type("Hub", (_Hub,), {"content": save(published)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path)}
        downloaded = python(FROM_HUB, **env)
        server.shutdown()
    expected = float(published["conv_stem.weight"].double().sum())
    assert downloaded.split() == ["4", str(expected)]
    assert python(FROM_HUB, **env) == downloaded


def test_models_without_published_weights_are_named():
    with pytest.raises(UserError, match="no pretrained weights"):
        pretrained(recipe(model="darknet17"))
    with pytest.raises(UserError, match="timm's models only"):
        pretrained(Recipe(source=Factory(target="acme_models:make")))


def test_arguments_that_the_model_does_not_take_are_named_before_anything_is_downloaded(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    source = Timm(name="test_efficientnet", args={"num_classes": 4, "drop_rat": 0.1})
    with pytest.raises(UserError, match=r"does not take \(num_classes=4, drop_rat=0\.1\)"):
        pretrained(Recipe(source=source))
