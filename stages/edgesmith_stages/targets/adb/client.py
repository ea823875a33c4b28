"""The adb client: which devices there are, commands and files for one of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgesmith import StageFailed, UserError
from edgesmith.errors import unknown

ANSWER_SECONDS = 30.0
_SLOWEST_LINK = 500_000  # bytes a second
_GRACE_SECONDS = 5.0
_DONE = re.compile(rb"\r?\nedgesmith-exit:([0-9]+)\r?\n?\Z")
_WATCHED = """\
exec 3<&0
"$@" </dev/null 3<&- 2>&1 &
program=$!
(read line <&3; kill -9 $program) >/dev/null 2>&1 &
watch=$!
wait $program
code=$?
kill $watch
wait $watch 2>/dev/null
echo
echo edgesmith-exit:$code
"""
"""Run a program on the device until its end, or until the input ends: that it does when this side, the cable or the adb
server goes away, so that nothing is left running. Every shell takes it; old devices don't tell the exit status."""

_STATES = {
    "unauthorized": "unlock the device and allow USB debugging for this computer",
    "authorizing": "unlock the device and allow USB debugging for this computer",
    "offline": "reconnect the device, or restart it; `adb reconnect offline` may do",
    "connecting": "wait a moment, then run again",
    "recovery": "start the device's system",
    "sideload": "start the device's system",
    "bootloader": "start the device's system",
}


@dataclass(frozen=True)
class Answer:
    """What a program on the device wrote (both streams, as they came), and its exit status."""

    text: str
    code: int


@dataclass(frozen=True)
class Device:
    """One device that answers."""

    adb: str
    serial: str

    def run(self, *program: str, seconds: float = ANSWER_SECONDS) -> Answer:
        """Run a program there; arguments reach it as they are.

        Raises:
            StageFailed: the device went away, or the time is up. The program was ended then.
        """
        command = shlex.join(["sh", "-c", _WATCHED, "edgesmith", *program])
        written, late = _held([self.adb, "-s", self.serial, "shell", command], seconds)
        found = _DONE.search(written)
        if late:
            raise StageFailed(
                f"{PurePosixPath(program[0]).name} on {self.serial} did not end within {seconds:.0f} s",
                hint="it was ended; look whether the device is asleep or busy",
            )
        if found is None:
            raise self.gone(PurePosixPath(program[0]).name, written)
        text = written[: found.start()].decode("utf-8", errors="replace").replace("\r\n", "\n")
        return Answer(text, int(found.group(1)))

    def gone(self, doing: str, written: bytes) -> StageFailed:
        """Say that the device does not answer any more."""
        last = written.decode("utf-8", errors="replace").strip().splitlines()[-1:]
        told = f" ({last[0].strip()})" if last else ""
        return StageFailed(
            f"the device {self.serial} went away while {doing} ran there{told}",
            hint="look at its cable, power and USB debugging (`adb devices`), then run again",
        )

    def put(self, file: Path, folder: str, *, executable: bool = False) -> str:
        """Bring a file to the device, unless it is there; return its path there, which its digest names.

        Raises:
            StageFailed: it can't be written, or came out as another file.
        """
        digest = _digest(file)
        place = str(PurePosixPath(folder, digest + file.suffix))
        if self._digest_there(place) == digest:
            return place
        made = self.run("mkdir", "-p", folder)
        if made.code:
            raise StageFailed(
                f"the folder {folder} can't be made on {self.serial}: {made.text.strip()}",
                hint="name another with the target's param `folder`",
            )
        part = f"{place}.{secrets.token_hex(4)}.part"
        try:
            self._push(file, part)
            arrived = self._digest_there(part)
            if arrived != digest:
                raise StageFailed(
                    f"{file.name} came to {self.serial} damaged: sha256 {arrived or 'unknown'}, not {digest}",
                    hint="try another cable, and look whether the device's storage is full",
                )
            self.run("chmod", "755" if executable else "644", part)
            moved = self.run("mv", "-f", part, place)
            if moved.code:
                raise StageFailed(f"{place} can't be written on {self.serial}: {moved.text.strip()}")
        except BaseException:
            with contextlib.suppress(StageFailed):
                self.run("rm", "-f", part, seconds=_GRACE_SECONDS)
            raise
        return place

    def _push(self, file: Path, place: str) -> None:
        seconds = ANSWER_SECONDS + file.stat().st_size / _SLOWEST_LINK
        try:
            done = subprocess.run(
                [self.adb, "-s", self.serial, "push", str(file.resolve()), place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StageFailed(f"{file.name} was not on {self.serial} after {seconds:.0f} s") from error
        if done.returncode:
            if state_of(self.adb, self.serial) != "device":
                raise self.gone("adb push", done.stdout)
            told = done.stdout.decode("utf-8", errors="replace").strip()
            raise StageFailed(f"{file.name} can't be brought to {self.serial}: {told}")

    def _digest_there(self, place: str) -> str | None:
        answer = self.run("sha256sum", place, seconds=4 * ANSWER_SECONDS)
        found = re.match(r"\\?([0-9a-f]{64})\b", answer.text)
        return found.group(1) if found and answer.code == 0 else None


def find_adb() -> str:
    """Return the path of the adb client.

    Raises:
        UserError: there is none.
    """
    found = shutil.which("adb")
    if found is None:
        raise UserError(
            "adb is not on PATH",
            hint="install Android's platform tools (`apt-get install adb`, `brew install android-platform-tools`)",
        )
    return found


def find_device(serial: str | None) -> Device:
    """Return the device called `serial`, or the only one.

    Raises:
        UserError: there is none, there are several, or it doesn't let us in.
    """
    adb = find_adb()
    wanted = serial or os.environ.get("ANDROID_SERIAL") or None
    known = dict(_devices(adb))
    if wanted is None:
        ready = [name for name, state in known.items() if state == "device"]
        if len(ready) > 1:
            raise UserError(
                f"adb has several devices: {', '.join(sorted(ready))}",
                hint="name one: `target: {name: adb, serial: ...}`, or ANDROID_SERIAL",
            )
        wanted = next(iter([*ready, *known]), None)
    if wanted is None:
        raise UserError("adb has no device", hint="connect one, with USB debugging on; `adb devices` should show it")
    if wanted not in known:
        raise UserError(unknown("device", wanted, known), hint="`adb devices` shows what is connected")
    if known[wanted] != "device":
        state = known[wanted]
        hint = _STATES.get(state.partition(" ")[0], "see `adb devices`")
        raise UserError(f"the device {wanted} can't be used: {state}", hint=hint)
    return Device(adb, wanted)


def state_of(adb: str, serial: str) -> str:
    """Return a device's state as `adb devices` has it, or an empty text."""
    with contextlib.suppress(UserError):
        return dict(_devices(adb)).get(serial, "")
    return ""


def _devices(adb: str) -> Iterator[tuple[str, str]]:
    try:
        done = subprocess.run(
            [adb, "devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"`adb devices` gave no answer: {error}", hint="`adb kill-server`, then run again") from error
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(f"adb does not work: {told[-1] if told else done.returncode}", hint="see `adb devices`")
    for line in done.stdout.splitlines():
        name, tab, state = line.partition("\t")
        if tab:
            yield name.strip(), state.strip()


def _held(command: Sequence[str], seconds: float) -> tuple[bytes, bool]:
    """Run a command whose input stays open until it ends or time is up; return its output, and whether it was late."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as held:
        with os.fdopen(reading, "rb") as source:
            process = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with process:
            try:
                return process.communicate(timeout=seconds)[0], False
            except subprocess.TimeoutExpired:
                held.close()
                return _ended(process), True
            except BaseException:
                held.close()
                _ended(process)
                raise


def _ended(process: subprocess.Popen[bytes]) -> bytes:
    """Wait a little for a process whose input was closed, then kill it; return what it wrote."""
    try:
        return process.communicate(timeout=_GRACE_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
