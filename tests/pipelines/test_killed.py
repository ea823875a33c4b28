"""Whatever is killed, and whenever: nothing finished is lost, nothing half-made is seen, nothing is left behind."""

import contextlib
import random
import re
import signal
import time

import psutil
import pytest

from .commands import Place

POINTS = 20
LONGEST = 14.0
VICTIMS = ("cli", "worker", "both")


def kill(processes):
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.slow(60)
@pytest.mark.timeout(1800)
def test_a_run_goes_on_after_kills_at_twenty_random_points(tmp_path):
    place, chance = Place(tmp_path), random.Random(7)
    kept = {}
    for point in range(POINTS):
        victim = VICTIMS[point % len(VICTIMS)]
        process = place.start("run", "smoke")
        with contextlib.suppress(Exception):
            process.wait(chance.uniform(0.2, LONGEST))
        cli = [psutil.Process(process.pid)] if process.poll() is None else []
        kill((cli if victim != "worker" else []) + (place.workers() if victim != "cli" else []))
        process.wait(300)  # a run that lost its worker alone goes on
        assert place.quiet() == [], f"processes outlive the kill of {victim}"
        found = place.results()
        assert kept.items() <= found.items(), "a finished node was made again"
        kept = found
        assert place.run("cache", "verify").returncode == 0
    last = place.run("run", "smoke")
    assert last.returncode == 0, last.stdout + last.stderr
    assert kept.items() <= place.results().items()
    assert f"{len(kept)} cached" in last.stdout or not kept
    assert list((place.store / "tmp").iterdir()) == []
    assert list((place.store / "leases").iterdir()) == []
    assert list((place.store / "scratch").iterdir()) == []
    assert place.quiet() == []


TRAINING = """
name: long
params: {data: digits, image_size: 32}
stages:
  model: {uses: train, with: {model: test_efficientnet, epochs: 5, lr: 0.006}}
"""


@pytest.mark.slow(50)
def test_training_goes_on_from_its_last_epoch(tmp_path):
    place = Place(tmp_path)
    (tmp_path / "long.yaml").write_text(TRAINING)
    process = place.start("run", "long.yaml")
    until = time.monotonic() + 200
    while time.monotonic() < until and not list((place.store / "scratch").glob("*/*")):
        time.sleep(0.2)
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert place.quiet() == []
    done = place.run("run", "long.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    (epoch,) = re.findall(r"going on after epoch (\d+) of 5", done.stdout)
    assert int(epoch) >= 1


@pytest.mark.slow(20)
def test_ctrl_c_stops_everything_within_five_seconds(tmp_path):
    place = Place(tmp_path)
    (tmp_path / "long.yaml").write_text(TRAINING)
    process = place.start("run", "long.yaml")
    until = time.monotonic() + 200
    while time.monotonic() < until and not place.workers():
        time.sleep(0.1)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    while place.workers():
        assert time.monotonic() - begun < 5
        time.sleep(0.05)
    assert process.wait(30) == 130
    assert place.quiet() == []
    assert place.results() == {}
