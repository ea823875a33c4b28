"""The train stage."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from edgesmith import UserError
from edgesmith.testing import LocalContext, StageContract, folder_digest, run_stage
from edgesmith_stages.datasets.digits import Digits
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.datasets.random_images import RandomImages
from edgesmith_stages.models.recipe import build, logits
from edgesmith_stages.train import Train

SMALL = {
    "model": "test_efficientnet",
    "image_size": 32,
    "epochs": 1,
    "batch_size": 16,
    "device": "cpu",
    "threads": 1,
}


class TestTrain(StageContract):
    stage = Train

    @pytest.fixture(autouse=True)
    def _given(self, ref):
        self.params = {**SMALL, "data": ref.model_dump()}

    def context(self, folder):
        return LocalContext(folder, datasets=[Folder])


@pytest.mark.slow
def test_learns_real_digits(tmp_path):
    made = run_stage(Train, tmp_path, params={**SMALL, "epochs": 3, "batch_size": 32, "lr": 5e-3}, datasets=[Digits])
    model = made.outputs["model"]
    assert made.figures["top1"] > 0.93
    assert made.figures["params"] == sum(p.numel() for p in build(model.path).parameters())

    val = Digits(Digits.Params()).split("val")
    pixels = model.contract.pixels([val.image(index) for index in range(len(val))])
    answers = logits(build(model.path), model.contract, pixels).argmax(1)
    assert (answers == val.labels).mean() == pytest.approx(made.figures["top1"], abs=1e-6)
    assert model.contract.classes == tuple("0123456789")
    golden, expected = model.golden()
    np.testing.assert_allclose(logits(build(model.path), model.contract, golden), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["test_vit", "test_resnet", "test_byobnet", "test_convnext"])
def test_trains_other_families(tmp_path, ref, model):
    params = {**SMALL, "model": model, "data": ref.model_dump()}
    made = run_stage(Train, tmp_path, params=params, datasets=[Folder])
    assert np.isfinite(made.figures["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("channels_last", [False, True])
def test_two_threads_give_the_same_bytes_twice(tmp_path, ref, channels_last):
    params = {
        **SMALL,
        "model": "mobilevit_xxs",
        "image_size": 64,
        "epochs": 2,
        "threads": 2,
        "channels_last": channels_last,
        "data": ref.model_dump(),
    }
    made = [run_stage(Train, tmp_path / name, params=params, datasets=[Folder]) for name in ("a", "b")]
    assert made[0].figures == made[1].figures
    assert len({folder_digest(one.outputs["model"].path) for one in made}) == 1


def test_goes_on_from_a_checkpoint(tmp_path, ref):
    params = {**SMALL, "data": ref.model_dump()}
    first = run_stage(Train, tmp_path / "a", params=params, datasets=[Folder]).outputs["model"]
    params = {**params, "checkpoint": str(first.file), "lr": 1e-12}
    second = run_stage(Train, tmp_path / "b", params=params, datasets=[Folder]).outputs["model"]
    before, after = build(first.path), build(second.path)
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=1e-4)
    # A trained network keeps the crop that it was designed with.
    assert second.contract.crop_fraction < first.contract.crop_fraction


def refused(tmp_path, **params):
    with pytest.raises(UserError) as raised:
        run_stage(Train, tmp_path, params={**SMALL, **params}, datasets=[Digits, RandomImages])
    return str(raised.value)


def test_says_what_is_wrong(tmp_path):
    assert "did you mean 'mobilevit_xs'" in refused(tmp_path, model="mobilevit_xss")
    assert "has 0 classes" in refused(tmp_path, data="random")
    assert "does not take" in refused(tmp_path, model_args={"no_such_argument": 3})
    assert "no weights 'foo' of 'mobilenetv2_100'" in refused(tmp_path, model="mobilenetv2_100.foo")
    assert "can't take an image of 32x32 pixels" in refused(tmp_path, model_args={"in_chans": 1})
    with pytest.raises(ValidationError, match="exclude each other"):
        Train.Params(model="x", pretrained=True, checkpoint="w.pth")


def test_warns_where_published_weights_expect_other_images(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "can't be had" in refused(tmp_path, model="tf_efficientnetv2_b3.in21k_ft_in1k", pretrained=True)
    assert "`crop_mode: squash`" in caplog.text
