"""What windows in time mean: on windows with a known truth."""

import numpy as np
import pytest

from edgesmith_stages.benchmarking.stability import latency_verdict, memory_verdict
from edgesmith_stages.benchmarking.windows import Window

COUNT = 60
MIB = 2**20


def windows(speed=None, machine=None, resident=None, noise=0.01, seed=0):
    """Windows of 5 s: latencies of 1 ms times `speed`, a fixed work times `machine`, memory in MiB."""
    chance = np.random.default_rng(seed)
    calm = 1e6 * np.exp(chance.normal(0, noise, COUNT)) * (1 if speed is None else speed)
    pace = 1e5 * np.exp(chance.normal(0, noise, COUNT)) * (1 if machine is None else machine)
    sizes = np.full(COUNT, 100.0) if resident is None else resident
    return [
        Window(5.0 * i + 2.5, 5000, 0.9 * calm[i], calm[i], 1.1 * calm[i], calm[i], int(sizes[i] * MIB), pace[i])
        for i in range(COUNT)
    ]


def after(begin, factor):
    """1 before, `factor` from then on."""
    return np.where(np.arange(COUNT) < begin, 1.0, factor)


class TestLatency:
    def test_what_stays_as_it_is_is_steady(self):
        told = latency_verdict(windows(), 0.1)
        assert told["latency_verdict"] == "steady"
        assert told["drift_low"] < 1 < told["drift_high"] < 1.05

    @pytest.mark.parametrize("speed", [after(10, 1.2), np.linspace(1, 1.3, COUNT)], ids=["step", "ramp"])
    def test_a_model_that_slows_down_on_a_machine_that_does_not_is_slower(self, speed):
        told = latency_verdict(windows(speed), 0.1)
        assert told["latency_verdict"] == "slower"
        assert 1.05 < told["drift_low"] <= told["drift"] <= told["drift_high"]
        assert told["machine_drift"] == pytest.approx(1, abs=0.02)

    def test_a_model_that_slows_down_as_the_machine_does_is_throttled(self):
        told = latency_verdict(windows(after(12, 1.3), after(12, 1.3)), 0.1)
        assert told["latency_verdict"] == "throttled"
        assert told["machine_drift"] == pytest.approx(1.3, abs=0.03)

    def test_a_small_slow_down_is_none(self):
        assert latency_verdict(windows(after(12, 1.02)), 0.1)["latency_verdict"] == "steady"
        assert latency_verdict(windows(after(12, 1.02), noise=0.001), 0.01)["latency_verdict"] == "slower"

    def test_on_noise_nothing_is_claimed(self):
        assert latency_verdict(windows(noise=0.5), 0.1)["latency_verdict"] == "unsure"

    def test_noise_raises_hardly_any_alarm(self):
        """Noisy minutes come and go, for the model and, in part, for the fixed work beside it."""
        alarms = 0
        for seed in range(60):
            chance = np.random.default_rng([seed, 1])
            minute = np.repeat(chance.normal(0, 0.03, COUNT // 6), 6)
            told = latency_verdict(windows(np.exp(minute), np.exp(minute / 2), noise=0.02, seed=seed), 0.1)
            alarms += told["latency_verdict"] in ("slower", "throttled")
        assert alarms <= 2

    def test_a_devices_own_word_says_why(self):
        slow = [Window(**{**vars(one), "machine": None, "resident": None}) for one in windows(after(12, 1.3))]
        assert latency_verdict(slow, 0.1, throttled=True)["latency_verdict"] == "throttled"
        assert latency_verdict(slow, 0.1, throttled=None)["latency_verdict"] == "slower"

    def test_few_windows_say_nothing(self):
        assert latency_verdict(windows()[:10], 0.1) == {"latency_verdict": "unsure"}


class TestMemory:
    def test_a_leak_grows(self):
        told = memory_verdict(windows(resident=100 + 0.1 * np.arange(COUNT)))
        assert told["memory_verdict"] == "grows"
        assert told["growth_mb"] == pytest.approx(4.7, abs=0.1)
        assert told["growth_mb_low"] <= told["growth_mb"] <= told["growth_mb_high"]

    @pytest.mark.parametrize(
        "resident",
        [
            100 + 20 * (1 - np.exp(-np.arange(COUNT) / 3)),
            100 + 8.0 * (np.arange(COUNT) > 30),
            100 + 0.3 * np.random.default_rng(0).normal(size=COUNT),
            100 + 0.005 * np.arange(COUNT),
        ],
        ids=["pools fill up", "one step", "comes and goes", "less than counts"],
    )
    def test_what_is_no_leak_is_none(self, resident):
        assert memory_verdict(windows(resident=resident))["memory_verdict"] in ("steady", "unsure")

    def test_noise_does_not_hide_a_leak(self):
        sawtooth = 100 + 0.2 * np.arange(COUNT) + 2 * (np.arange(COUNT) % 5)
        assert memory_verdict(windows(resident=sawtooth))["memory_verdict"] == "grows"

    def test_what_is_not_told_has_no_verdict(self):
        assert memory_verdict([Window(**{**vars(one), "resident": None}) for one in windows()]) == {}
