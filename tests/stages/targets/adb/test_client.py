"""The adb client, with the real adb and a device that speaks its protocol."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from edgesmith import StageFailed, UserError
from edgesmith_stages.targets.adb.client import find_adb, find_device, state_of

from .android import running

pytestmark = pytest.mark.slow


def eventually(holds, seconds=20.0):
    """Wait until `holds()` is true."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


class TestFinding:
    def test_without_adb_the_packages_to_install_are_told(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UserError, match="adb is not on PATH") as caught:
            find_adb()
        assert "apt-get install adb" in caught.value.hint

    def test_without_a_device_that_is_told(self, adb):
        with pytest.raises(UserError, match="adb has no device"):
            find_device(None)

    def test_the_only_device_needs_no_name(self, device):
        assert find_device(None).serial == device.serial

    def test_of_several_one_must_be_named(self, make_device, monkeypatch):
        first, second = make_device(), make_device()
        with pytest.raises(UserError, match="several devices") as caught:
            find_device(None)
        assert "serial" in caught.value.hint
        assert find_device(second.serial).serial == second.serial
        monkeypatch.setenv("ANDROID_SERIAL", first.serial)
        assert find_device(None).serial == first.serial

    def test_an_unknown_one_is_told_with_the_nearest(self, device):
        with pytest.raises(UserError, match=f"unknown device '{device.serial}0'; did you mean '{device.serial}'"):
            find_device(device.serial + "0")

    def test_one_that_does_not_let_us_in_says_what_to_do(self, make_device, adb):
        locked = make_device(unlocked=False)
        assert eventually(lambda: state_of(adb, locked.serial) == "unauthorized")
        with pytest.raises(UserError, match=f"{locked.serial} can't be used: unauthorized") as caught:
            find_device(None)
        assert "allow USB debugging" in caught.value.hint


@pytest.mark.parametrize("features", ["shell_v2,cmd", "cmd"])
class TestRunning:
    def test_arguments_arrive_as_they_are(self, make_device, features):
        make_device(features=features)
        odd = ["two words", "it's", '"$HOME"', "`id`", "a;b&c|d", "*", "", "line\nline", "Ünï"]
        answer = find_device(None).run("printf", "<%s>", *odd)
        assert answer.text == "".join(f"<{one}>" for one in odd)
        assert answer.code == 0

    def test_the_exit_status_and_both_streams_come_back(self, make_device, features):
        make_device(features=features)
        answer = find_device(None).run("sh", "-c", "echo out; echo err >&2; exit 7")
        assert (answer.text, answer.code) == ("out\nerr\n", 7)
        assert find_device(None).run("/no/such/program").code == 127

    def test_what_takes_too_long_is_ended_there(self, make_device, features):
        device = make_device(features=features)
        endless = ["tail", "-f", str(device.folder / "battery")]
        with pytest.raises(StageFailed, match=r"tail on .* did not end within 1 s"):
            find_device(None).run(*endless, seconds=1)
        assert eventually(lambda: running(device.folder) == [])

    def test_what_runs_there_ends_when_this_side_is_killed(self, make_device, features):
        """The old shell doesn't hear that the input ended, so that it takes the whole group, as a worker's end does."""
        device = make_device(features=features)
        kill = "os.kill(os.getpid()" if "shell_v2" in features else "os.killpg(0"
        code = (
            "import os, signal, sys, threading\n"
            "from edgesmith_stages.targets.adb.client import find_device\n"
            f"threading.Timer(1.5, lambda: {kill}, signal.SIGKILL)).start()\n"
            "find_device(None).run('tail', '-f', sys.argv[1])"
        )
        done = subprocess.Popen([sys.executable, "-c", code, str(device.folder / "battery")], start_new_session=True)
        assert eventually(lambda: any(line.startswith("tail") for line in running(device.folder)))
        assert done.wait(timeout=60) == -signal.SIGKILL
        assert eventually(lambda: not any(line.startswith("tail") for line in running(device.folder)))

    def test_a_device_that_goes_away_is_told_and_nothing_runs_on(self, make_device, features):
        device = make_device(features=features)
        threading.Timer(1.0, device.unplug).start()
        with pytest.raises(StageFailed, match=f"the device {device.serial} went away while tail ran there"):
            find_device(None).run("tail", "-f", str(device.folder / "battery"))
        assert eventually(lambda: running(device.folder) == [])
