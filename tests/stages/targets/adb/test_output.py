"""Reading what benchmark_model writes: outputs as the real tools print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith import StageFailed, Timing
from edgesmith_stages.targets.adb.output import parse

INTERPRETER = """\
STARTING!
Log parameter values verbosely: [0]
Graph: [/data/local/tmp/model.tflite]
Use NNAPI: [1]
NNAPI accelerators available: [eden-drv,nnapi-reference]
Loaded model /data/local/tmp/model.tflite
INFO: Initialized TensorFlow Lite runtime.
NNAPI delegate created.
Explicitly applied NNAPI delegate, and the model graph will be partially executed by the delegate w/ 3 delegate kernels.
The input model file size (MB): 6.35428
Initialized session in 34.939ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=5 first=130492 curr=111222 min=111222 max=130492 avg=116523 std=7192

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=112256 curr=111087 min=110425 max=114213 avg=112533 std=778

Inference timings in us: Init: 34939, First inference: 130492, Warmup (avg): 116523, Inference (avg): 112533
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory \
footprint of the model at runtime. Take the information at your discretion.
Memory footprint delta from the start of the tool (MB): init=6.70312 overall=63.4023
"""

COMPILED_MODEL = """\
INFO: Loading model from: /data/local/tmp/model.tflite
INFO: The input model file size (MB): 0.681
INFO: Initialized session in 4.12ms.
INFO: Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=1 curr=5210 p5=5210 median=5210 p95=5210

INFO: Running benchmark for at least 343 iterations and at least 0 seconds but terminate if exceeding 150 seconds.
INFO: count=343 first=2990 curr=2881 min=2760 max=4730 avg=2920.5 std=220 p5=2790 median=2880 p95=3310

INFO:
========== BENCHMARK RESULTS ==========
INFO: Model initialization: 4.12 ms
INFO: Warmup (first):       5.21 ms
INFO: Warmup (avg):         5.21 ms (1 runs)
INFO: Inference (avg):      2.92 ms (343 runs)
INFO: Throughput:           196.78 MB/s
INFO:
Memory Usage:
INFO: Init footprint:       30.43 MB
INFO: Overall footprint:    39.11 MB
INFO: Peak memory usage not available. (peak_mem_mb <= 0)
INFO: ======================================
"""


def test_the_interpreters_tool_without_percentiles():
    result = parse(INTERPRETER)
    assert result.timing == Timing(50, 110425e3, 112533e3, 114213e3, 778e3)
    assert (result.load_ms, result.first_ms, result.warmup_ms) == (34.939, 130.492, 116.523)
    assert (result.init_mb, result.overall_mb) == (6.70312, 63.4023)
    assert result.delegated == "partially, 3 kernels"


def test_the_compiled_models_tool_with_percentiles():
    result = parse(COMPILED_MODEL)
    assert result.timing == Timing(
        343, 2760e3, 2920.5e3, 4730e3, 220e3, {5: pytest.approx(2790e3), 50: pytest.approx(2880e3), 95: 3310e3}
    )
    assert (result.load_ms, result.first_ms, result.warmup_ms) == (4.12, 5.21, 5.21)
    assert (result.init_mb, result.overall_mb) == (30.43, 39.11)
    assert result.delegated is None


def test_runs_that_all_took_the_same_time():
    text = "count=1 curr=900 p5=900 median=900 p95=900\ncount=3 curr=700(all same) p5=700 median=700 p95=700\n"
    assert parse(text).timing == Timing(3, 7e5, 7e5, 7e5, 0.0, {5: 7e5, 50: 7e5, 95: 7e5})


def test_large_figures_in_exponents():
    text = "count=1 curr=1\ncount=2 first=1 curr=2 min=1200000 max=1400000 avg=1.3e+06 std=100000\n"
    assert parse(text).timing.mean == 1.3e9


def test_a_flag_that_the_tool_ignored_is_no_measurement_of_what_was_asked():
    with pytest.raises(StageFailed, match="doesn't know the flags --use_nnapi=true"):
        parse("WARN: Unconsumed cmdline flags: --use_nnapi=true\n" + COMPILED_MODEL)


def test_a_delegate_that_takes_nothing_is_no_measurement_of_it():
    text = "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
    with pytest.raises(StageFailed, match="the GPU delegate takes no operation"):
        parse(text + INTERPRETER)


@pytest.mark.parametrize("end", ["Running benchmark", "count=50 first"])
def test_an_output_that_breaks_off_has_no_figures(end):
    whole = INTERPRETER[: INTERPRETER.rindex(end)]
    with pytest.raises(StageFailed, match="wrote no timings"):
        parse(whole)


def test_no_run_at_all_has_no_figures():
    with pytest.raises(StageFailed, match="wrote no timings"):
        parse("count=1 curr=5\ncount=0 p5=0 median=0 p95=0\n")


@given(st.lists(st.integers(1, 10**8), min_size=1, max_size=50))
def test_whatever_was_measured_is_read_as_it_was_written(taken):
    low, high, mean, count = min(taken), max(taken), sum(taken) / len(taken), len(taken)
    ordered = sorted(taken)
    tail = f"p5={ordered[count * 5 // 100]} median={ordered[count // 2]} p95={ordered[count * 95 // 100]}"
    if low == high:
        line = f"count={count} curr={low}{'(all same)' if count > 1 else ''} {tail}"
    else:
        line = f"count={count} first={taken[0]} curr={taken[-1]} min={low} max={high} avg={mean:g} std=7 {tail}"
    timing = parse(f"INFO: count=1 curr=5 p5=5 median=5 p95=5\n\nINFO: {line}\n\n").timing
    assert (timing.runs, timing.min, timing.max) == (count, low * 1e3, high * 1e3)
    assert timing.mean == pytest.approx(mean * 1e3, rel=1e-5)
    assert timing.percentiles[50] == ordered[count // 2] * 1e3
