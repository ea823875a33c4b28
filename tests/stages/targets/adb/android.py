"""An Android device for tests: speaks adb's protocol to the real adb server, and really runs what is pushed to it.

Its shell is this machine's `sh` in a folder of its own, with `getprop` and `dumpsys` that say what a phone says;
programs for aarch64 run under qemu (`foreign_programs.c`). See `protocol.txt`, `SYNC.TXT` and `shell_protocol.h` in
Android's `packages/modules/adb`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

VERSION, MAX_DATA = 0x01000001, 256 * 1024
STDIN, STDOUT, EXIT, CLOSE_STDIN = 0, 1, 3, 4

PROPERTIES = {
    "ro.product.manufacturer": "Acme",
    "ro.product.model": "Phone 9 [test]",
    "ro.soc.model": "AC9000",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.fingerprint": "acme/phone9/phone9:16/AP4A/1:user/release-keys",
    "ro.serialno": "SECRET1",
}
THERMAL = """\
IsStatusOverride: false
Thermal Status: {status}
Cached temperatures:
	Temperature{{mValue=21.0, mType=0, mName=CPU0, mStatus=0}}
HAL Ready: true
Current temperatures from HAL:
	Temperature{{mValue=41.5, mType=0, mName=CPU0, mStatus=0}}
	Temperature{{mValue=30.25, mType=3, mName=skin, mStatus=0}}
Current cooling devices from HAL:
"""
BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: true
  status: 2
  level: 87
  temperature: 285
"""


@dataclass
class AdbDevice:
    """A device that listens on a port of this machine, for `adb connect`.

    Attributes:
        folder: everything of the device lies below it.
        loader: library that lets its shell start aarch64 programs.
        features: what it tells the adb server that it has; without `shell_v2` the shell is the old one.
        unlocked: whether it lets the computer in.
        damaging: whether files arrive with a byte changed.
    """

    folder: Path
    loader: Path | None = None
    features: str = "shell_v2,cmd"
    unlocked: bool = True
    damaging: bool = False
    pushed: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir(parents=True)
        lines = "".join(f"[{name}]: [{value}]\n" for name, value in PROPERTIES.items())
        (self.folder / "properties").write_text(lines)
        (self.folder / "battery").write_text(BATTERY)
        self.heat(0)
        self._program("getprop", f"cat {self.folder}/properties")
        self._program("dumpsys", f"cat {self.folder}/$1")
        self._connections: list[_Connection] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.serial = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def heat(self, status: int) -> None:
        """Set the thermal status."""
        (self.folder / "thermalservice").write_text(THERMAL.format(status=status))

    def _program(self, name: str, line: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)

    def environment(self) -> dict[str, str]:
        """Return the environment of its programs."""
        loader = {"LD_PRELOAD": str(self.loader), "DEVICE_QEMU": "/usr/bin/qemu-aarch64-static"} if self.loader else {}
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "LC_ALL": "C", **loader}

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = _Connection(self, self._listener.accept()[0])
                self._connections.append(connection)
                threading.Thread(target=connection.serve, daemon=True).start()

    def unplug(self) -> None:
        """Go away, with all connections."""
        for end in (self._listener, *(one.socket for one in self._connections)):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for connection in self._connections:
            connection.drop()


class _Connection:
    """One adb server's connection: packets of 24 bytes of header and data, for numbered streams."""

    def __init__(self, device: AdbDevice, connected: socket.socket) -> None:
        self.device, self.socket = device, connected
        self.streams: dict[int, _Stream] = {}
        self._sending = threading.Lock()

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        word = int.from_bytes(command, "little")
        header = struct.pack("<6I", word, first, second, len(data), sum(data) & 0xFFFFFFFF, word ^ 0xFFFFFFFF)
        with self._sending, contextlib.suppress(OSError):
            self.socket.sendall(header + data)

    def serve(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                word, first, second, length, _, _ = struct.unpack("<6I", _exactly(self.socket.recv, 24))
                self._packet(word.to_bytes(4, "little"), first, second, _exactly(self.socket.recv, length))
        self.drop()

    def drop(self) -> None:
        for stream in list(self.streams.values()):
            stream.closed()

    def _packet(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command in (b"CNXN", b"AUTH"):
            if not self.device.unlocked:
                if (command, first) != (b"AUTH", 3):  # the computer's key: it is the user's turn now
                    self.send(b"AUTH", 1, 0, b"\x00" * 20)
            elif command == b"CNXN":
                banner = f"device::ro.product.name=phone9;ro.product.model=Phone_9;features={self.device.features}"
                self.send(b"CNXN", VERSION, MAX_DATA, banner.encode())
        elif command == b"OPEN":
            stream = _Stream(self, first, len(self.device.commands) * 1000 + len(self.streams) + 1)
            self.streams[stream.ours] = stream
            self.send(b"OKAY", stream.ours, first)
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=_serve, args=(self.device, stream, service), daemon=True).start()
        elif second in self.streams:
            stream = self.streams[second]
            if command == b"WRTE":
                stream.arrived.put(data)
                self.send(b"OKAY", second, first)
            elif command == b"OKAY":
                stream.taken.release()
            elif command == b"CLSE":
                stream.closed()


class _Stream:
    """One service's two-way stream of bytes."""

    def __init__(self, connection: _Connection, theirs: int, ours: int) -> None:
        self.connection, self.theirs, self.ours = connection, theirs, ours
        self.arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.taken = threading.Semaphore(1)
        self.open = True
        self._rest = b""

    def write(self, data: bytes) -> None:
        for begin in range(0, len(data), MAX_DATA // 2):
            self.taken.acquire()  # the other side answers every packet before the next one
            if not self.open:
                raise EOFError
            self.connection.send(b"WRTE", self.ours, self.theirs, data[begin : begin + MAX_DATA // 2])

    def read(self, count: int) -> bytes:
        """Return `count` bytes at most, at least one; raise EOFError at the end."""
        if not self._rest:
            self._rest = self.arrived.get()
            if not self._rest:
                self.arrived.put(b"")
                raise EOFError
        part, self._rest = self._rest[:count], self._rest[count:]
        return part

    def end(self) -> None:
        """Close it from here, once what was written is taken."""
        if self.open:
            self.taken.acquire(timeout=5)
            self.connection.send(b"CLSE", self.ours, self.theirs)
        self.closed()

    def closed(self) -> None:
        self.open = False
        self.connection.streams.pop(self.ours, None)
        self.arrived.put(b"")
        self.taken.release()


def _serve(device: AdbDevice, stream: _Stream, service: str) -> None:
    with contextlib.suppress(EOFError, OSError):
        kind, _, argument = service.partition(":")
        if kind == "sync":
            _sync(device, stream)
        elif kind.startswith("shell"):
            device.commands.append(argument)
            _shell(device, stream, argument, packets="v2" in kind.split(","))
    stream.end()


def _shell(device: AdbDevice, stream: _Stream, command: str, packets: bool) -> None:
    """Run a command; `packets`: the shell protocol, which tells the exit status and when the input ends."""

    def told(kind: int, data: bytes) -> bytes:
        return struct.pack("<BI", kind, len(data)) + data if packets else data

    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=device.folder,
        env=device.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        threading.Thread(target=_feed, args=(stream, process, packets), daemon=True).start()
        assert process.stdout is not None
        with contextlib.suppress(EOFError):
            while data := process.stdout.read1(4096):
                stream.write(told(STDOUT, data))
        code = process.wait()
        if packets and stream.open:
            stream.write(told(EXIT, bytes([code & 0xFF])))


def _feed(stream: _Stream, process: subprocess.Popen[bytes], packets: bool) -> None:
    """Pass on what arrives; when it ends, so does the input."""
    assert process.stdin is not None
    with contextlib.suppress(EOFError, OSError):
        while True:
            if not packets:
                os.write(process.stdin.fileno(), stream.read(4096))
                continue
            kind, length = struct.unpack("<BI", _exactly(stream.read, 5))
            data = _exactly(stream.read, length)
            if kind == CLOSE_STDIN:
                break
            if kind == STDIN:
                os.write(process.stdin.fileno(), data)
    with contextlib.suppress(OSError):
        process.stdin.close()


def _sync(device: AdbDevice, stream: _Stream) -> None:
    """Take files: STAT, then SEND with DATA and DONE."""
    while True:
        name, length = struct.unpack("<4sI", _exactly(stream.read, 8))
        if name == b"QUIT":
            return
        path = _exactly(stream.read, length).decode()
        if name == b"STAT":
            with contextlib.suppress(OSError):
                known = Path(path).stat()
                stream.write(struct.pack("<4s3I", b"STAT", known.st_mode, known.st_size, int(known.st_mtime)))
                continue
            stream.write(struct.pack("<4s3I", b"STAT", 0, 0, 0))
        elif name == b"SEND":
            place, _, mode = path.rpartition(",")
            data = b"".join(_chunks(stream))
            if device.damaging:
                data = bytes([data[0] ^ 1]) + data[1:]
            try:
                Path(place).write_bytes(data)
                Path(place).chmod(int(mode) & 0o644)
            except OSError as error:
                told = (error.strerror or "failed").encode()
                stream.write(struct.pack("<4sI", b"FAIL", len(told)) + told)
                return
            device.pushed.append(place)
            stream.write(struct.pack("<4sI", b"OKAY", 0))


def _chunks(stream: _Stream) -> Iterator[bytes]:
    while True:
        name, length = struct.unpack("<4sI", _exactly(stream.read, 8))
        if name == b"DONE":
            return
        yield _exactly(stream.read, length)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    parts = b""
    while len(parts) < count:
        part = read(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def running(folder: Path) -> list[str]:
    """Return the command lines of processes that a device's folder is named in."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in line:
                found.append(line)
    return found
