"""The training loop."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from edgesmith import Cancelled, TorchModel, UserError
from edgesmith.sections import read_sections
from edgesmith.testing import LocalContext, folder_digest, run_stage
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.train import Train
from edgesmith_stages.training.checkpoint import FILE
from edgesmith_stages.training.data import TrainingData
from edgesmith_stages.training.loop import fit
from edgesmith_stages.training.losses import cross_entropy
from edgesmith_stages.training.options import TrainingOptions
from edgesmith_stages.training.setting import seed_all


def tiny(classes=4, width=6):
    seed_all(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, width, 3, stride=4),
        torch.nn.BatchNorm2d(width),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(4 * width, classes),
    )


@pytest.fixture
def train(dataset, contract, tmp_path):
    """Train the tiny module and return it with how it went."""

    def run(module=None, loss=cross_entropy, ctx=None, **options):
        chosen = TrainingOptions(**{"epochs": 3, "batch_size": 8, "lr": 0.02, "device": "cpu", "threads": 1, **options})
        module = module or tiny()
        data = TrainingData.open(dataset, contract, chosen)
        return module, fit(ctx or LocalContext(tmp_path), module, loss, data, chosen)

    return run


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_learns_and_tells_how_far_it_is(train, tmp_path):
    ctx = LocalContext(tmp_path / "run")
    module, result = train(ctx=ctx, epochs=12)
    assert result.top1[-1] > 0.6
    figures = result.figures()
    assert figures["epochs"] == 12
    (section,), problems = read_sections(figures["sections"])
    assert problems == []
    assert section.curves == {"loss": result.loss, "top-1": result.top1}
    assert len(result.loss) == 12 and result.loss[-1] < result.loss[0]
    assert not module.training
    done, total, figures = ctx.progressed[-1]
    assert (done, total) == (72, 72)
    assert set(figures) == {"epoch", "loss", "top1"}
    assert [one[0] for one in ctx.progressed] == sorted(one[0] for one in ctx.progressed)


OPTIONS = [
    {},
    {"ema_decay": 0.9},
    {"mixup": 0.4, "cutmix": 1.0},
    {"augment": {"random_erase": 0.5, "hflip": 0.5}},
    {"precision": "bfloat16", "channels_last": True},
    {"optimizer": "sgd", "clip_grad": None},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_repeats_itself_and_goes_on_where_it_stopped(train, tmp_path, options):
    """A run that is cancelled in its third epoch, and started again, ends like one that never stopped."""
    whole, result = train(ctx=LocalContext(tmp_path / "whole"), **options)
    again, _ = train(ctx=LocalContext(tmp_path / "again"), **options)
    assert same(whole, again)

    stopped = LocalContext(tmp_path / "stopped")
    progress = stopped.progress

    def cancel_in_third_epoch(done, total, **figures):
        progress(done, total, **figures)
        stopped.cancelled = done >= 14

    stopped.progress = cancel_in_third_epoch
    with pytest.raises(Cancelled, match="epoch 3"):
        train(ctx=stopped, **options)
    resumed = LocalContext(tmp_path / "stopped")
    module, last = train(ctx=resumed, **options)
    assert resumed.progressed[0][0] == 13
    assert same(module, whole)
    assert last == result


def test_a_finished_training_is_not_done_again(train, tmp_path):
    module, result = train()
    ctx = LocalContext(tmp_path)
    again, last = train(ctx=ctx)
    assert same(again, module)
    assert last == result
    assert ctx.progressed == []


def test_a_checkpoint_of_other_options_is_passed_over(train, tmp_path):
    train()
    ctx = LocalContext(tmp_path)
    train(ctx=ctx, lr=0.01)
    assert ctx.progressed[0][0] == 1


def test_seeds_give_other_weights(train, tmp_path):
    one, _ = train(ctx=LocalContext(tmp_path / "0", seed=0))
    other, _ = train(ctx=LocalContext(tmp_path / "1", seed=1))
    assert not same(one, other)


def test_the_average_lags_behind(train, tmp_path):
    plain, _ = train(ctx=LocalContext(tmp_path / "0"))
    averaged, _ = train(ctx=LocalContext(tmp_path / "1"), ema_decay=0.9)
    assert not same(plain, averaged)


def test_fewer_images_than_a_batch(train):
    _, result = train(batch_size=1024, mixup=0.2)
    assert len(result.loss) == 3


def test_a_loss_that_is_not_finite_is_told_with_its_step(train):
    steps = iter(range(100))

    def loss(logits, images, targets):
        return cross_entropy(logits, images, targets) * (float("nan") if next(steps) == 7 else 1)

    with pytest.raises(UserError, match="nan at step 2 of epoch 2") as raised:
        train(loss=loss)
    assert "lr" in raised.value.hint


def test_an_unknown_optimizer_is_named(train):
    with pytest.raises(UserError, match="did you mean 'adamw'"):
        train(optimizer="adamww")


def test_too_few_images(contract, tmp_path):
    empty = SimpleNamespace(name="none", split=lambda name: [])
    with pytest.raises(UserError, match="0 images to train on"):
        TrainingData.open(empty, contract, TrainingOptions())


PARAMS = {
    "model": "test_efficientnet",
    "model_args": {"drop_rate": 0.2},
    "image_size": 32,
    "epochs": 5,
    "batch_size": 8,
    "mixup": 0.2,
    "ema_decay": 0.9,
    "augment": {"auto_augment": "rand-m5"},
    "device": "cpu",
    "threads": 1,
}

SCRIPT = """
import json, sys
from pathlib import Path
from edgesmith.testing import run_stage
from edgesmith_stages.datasets.folder import Folder
from edgesmith_stages.train import Train

run_stage(Train, Path(sys.argv[1]), params=json.loads(sys.argv[2]), datasets=[Folder])
"""


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_bytes(ref, tmp_path):
    """A process is killed by SIGKILL after its second epoch; the next one goes on from there."""
    params = {**PARAMS, "data": ref.model_dump()}
    whole = run_stage(Train, tmp_path / "whole", params=params, datasets=[Folder])

    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), json.dumps(params)])
    checkpoint, begun = folder / "scratch" / FILE, time.monotonic()
    try:
        while not _epochs(checkpoint) >= 2:
            assert process.poll() is None, "the training ended before it was killed"
            assert time.monotonic() - begun < 120
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not list(folder.glob("model/*"))

    ctx = LocalContext(folder, datasets=[Folder])
    resumed = run_stage(Train, folder, params=params, context=ctx)
    assert ctx.progressed[0][0] > 2 * 6
    assert resumed.figures == whole.figures
    assert folder_digest(resumed.outputs["model"].path) == folder_digest(whole.outputs["model"].path)
    assert isinstance(resumed.outputs["model"], TorchModel)


def _epochs(checkpoint):
    return torch.load(checkpoint, weights_only=True)["epochs"] if checkpoint.exists() else 0
