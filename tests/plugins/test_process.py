"""A model in its runtime, alone in a process."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from edgesmith import InputContract, RuntimeUnavailable, StageFailed
from edgesmith.process import Launch, ModelProcess
from edgesmith.testing import bridge_to, run_stage


@pytest.fixture
def sign(playground, tmp_path):
    """A model artifact and how to launch its runtime."""
    made = run_stage(playground.stages.Build, tmp_path / "sign").outputs["model"]
    runtime = playground.runtime.SignRuntime
    launch = Launch("sign-runner", f"{runtime.__module__}:SignRuntime", sys.executable, bridge_to(runtime))
    return launch, made


def test_it_repeats_the_golden_pair_at_any_batch_size(sign):
    launch, model = sign
    pixels, logits = model.golden()
    with ModelProcess(launch, model, threads=1) as process:
        for batch in (1, 2, 3, 32):
            np.testing.assert_allclose(process.predict(pixels, batch), logits, atol=1e-4)


def test_many_images_are_handed_over_in_chunks_of_whole_batches(sign, monkeypatch):
    """A whole split, normalised, may be too large for the memory and for the temporary folder."""
    launch, model = sign
    pixels, _ = model.golden()
    many = np.concatenate([pixels] * 3)[: 2 * len(pixels) + 1]
    handed, save = [], np.save

    def spy(file, rows, **options):
        handed.append(len(rows))
        save(file, rows, **options)

    with ModelProcess(launch, model, threads=1) as process:
        whole = process.predict(many, 2)
        monkeypatch.setattr("edgesmith.process._CHUNK_PIXELS", 5 * pixels[0].size)
        monkeypatch.setattr(np, "save", spy)
        np.testing.assert_array_equal(process.predict(many, 2), whole)
    assert handed[:-1] == [4] * (len(many) // 4)
    assert sum(handed) == len(many)


def test_a_file_of_fixed_batch_is_fed_full_batches(sign):
    launch, model = sign
    InputContract(**{**model.contract.model_dump(), "batch": 3}).write(model.path / "contract.json")
    model = type(model)(model.path)
    pixels, logits = model.golden()
    with ModelProcess(launch, model, threads=1) as process:
        np.testing.assert_allclose(process.predict(pixels), logits, atol=1e-4)


def test_it_times_single_runs_and_tells_the_load_time_and_peak_memory(sign):
    launch, model = sign
    with ModelProcess(launch, model, threads=2) as process:
        assert len(process.time(model.golden()[0], warmup=2, runs=5)) == 5
        assert process.facts["threads"] == 2
        assert process.facts["load_ms"] > 0
        assert 5e6 < process.peak_bytes() < 1e9


def test_it_tells_of_each_run_what_disturbed_it_and_may_be_kept_on_one_processor(sign):
    launch, model = sign
    with ModelProcess(launch, model, threads=1) as process:
        assert process.pin(0) == (hasattr(os, "sched_setaffinity") and 0 in os.sched_getaffinity(0))
        samples = process.sample(model.golden()[0], warmup=0, runs=4)
    assert len(samples) == 4
    assert all(one.ns > 0 and one.cpu_ns > 0 and one.switches >= 0 for one in samples)
    assert process.pid != os.getpid()


def test_a_runtime_may_have_a_clock_of_its_own_and_tell_facts_of_the_model_once_it_is_timed(sign):
    launch, model = sign
    launch = replace(launch, runtime=launch.runtime.replace("SignRuntime", "ClockRuntime"))
    with ModelProcess(launch, model, threads=1) as process:
        assert "factor" not in process.facts
        assert process.time(model.golden()[0], warmup=0, runs=2) == [1_000_000, 1_000_000]
        assert process.facts["factor"] == float(model.file.read_text())


def test_what_the_runtime_raises_reaches_the_caller(sign):
    launch, model = sign
    model.file.write_text("many")
    with pytest.raises(StageFailed, match=r"sign-runner: ValueError: could not convert string to float"):
        ModelProcess(launch, model, threads=1)


def test_a_runtime_that_refuses_is_quoted_as_it_is(sign):
    launch, model = sign
    model.file.write_text("refuse")
    with pytest.raises(StageFailed, match=r"sign-runner: this sign is upside down\n  hint: turn it round"):
        ModelProcess(launch, model, threads=1)


def test_a_process_that_dies_is_reported_with_its_last_lines(sign):
    launch, model = sign
    model.file.write_text("die")
    with pytest.raises(StageFailed, match=r"sign-runner process died in 'load': exit code 7\n.*fell down"):
        ModelProcess(launch, model, threads=1)


def test_leaving_it_ends_the_process_and_removes_its_files(sign):
    launch, model = sign
    with ModelProcess(launch, model, threads=1) as process:
        child, work = process._process, process._log.parent
        assert child.poll() is None
    assert child.poll() is not None
    assert not work.exists()


def test_a_kind_without_a_runtime_has_a_reason_fit_for_a_table(playground, tmp_path):
    from edgesmith.testing import LocalContext

    made = run_stage(playground.stages.Build, tmp_path).outputs["model"]
    with pytest.raises(RuntimeUnavailable, match="no runtime for sign"):
        LocalContext(tmp_path).open(made)


def test_it_shows_what_each_operation_gave(sign):
    """The input first; names that come again are numbered, and what is no float is left out."""
    launch, model = sign
    pixels, answers = model.golden()
    with ModelProcess(launch, model, threads=1) as process:
        image, mean, answer = process.tap(pixels)
        again = process.tap(pixels[:1])
    assert [(tap.name, tap.op) for tap in (image, mean, answer)] == [
        ("input", "input"),
        ("value", "ReduceMean"),
        ("value#2", "Mul"),
    ]
    np.testing.assert_allclose(image.value, pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(answer.value, answers, rtol=1e-6)
    np.testing.assert_allclose(again[2].value, answers[:1], rtol=1e-6)


def test_a_runtime_that_shows_nothing_says_so(sign):
    """As a plugin's runtime may be."""
    launch, model = sign
    launch = replace(launch, runtime=launch.runtime.replace("SignRuntime", "SilentRuntime"))
    with (
        ModelProcess(launch, model, threads=1) as process,
        pytest.raises(StageFailed, match="silent-runner doesn't show intermediate results"),
    ):
        process.tap(model.golden()[0])
