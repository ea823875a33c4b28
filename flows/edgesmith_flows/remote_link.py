"""A remote that may fail at any time: each fault is told once, and never reaches who asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from edgesmith_flows.remote_records import LARGEST
from edgesmith_flows.transfer import Absent, Objects, Stopped, Unreachable, shown

T = TypeVar("T")

FORMAT = "1"


class Link:
    """The objects of a remote store, while it can be reached.

    Attributes:
        gone: set once nothing more is asked of the remote; `objects` must not be used then.

    Raises:
        UserError: the URL is malformed, or its protocol needs a package that isn't installed.
    """

    objects: Objects

    def __init__(self, url: str, warn: Callable[[str], None]) -> None:
        self.place = f"the remote store {shown(url)}"
        self.gone = threading.Event()
        self._warn = warn
        self._told: set[str] = set()
        self._telling = threading.Lock()
        self._greeting = threading.Lock()
        self._format: str | None = None
        self._read_only = False
        try:
            self.objects = Objects.open(url, self.gone)
        except Unreachable as fault:
            self._die(str(fault))

    def attempt(self, work: Callable[[], T], otherwise: T, *, writing: bool = False) -> T:
        """Return what `work` gives; `otherwise` where the remote fails, has failed, or can't be written."""
        if self.gone.is_set() or (writing and self._read_only):
            return otherwise
        try:
            with self._greeting:  # so that one thread only waits for a remote that doesn't answer
                self.objects.check()
                with self._degrading(writing):
                    self._greet(writing)
            with self._degrading(writing):
                self.objects.check()
                return work()
        except Stopped:
            return otherwise

    def read(self, name: str) -> bytes | None:
        """Return a small object's content, or None if there is none."""
        try:
            return self.objects.read(name, LARGEST)
        except Absent:
            return None

    def tell(self, text: str) -> None:
        """Warn of something, once."""
        with self._telling:
            if text in self._told:
                return
            self._told.add(text)
        self._warn(text)

    @contextlib.contextmanager
    def _degrading(self, writing: bool) -> Iterator[None]:
        try:
            yield
        except Absent as absence:  # of a bucket, where an object was to be written
            self._die(f"there is no such place ({absence})")
            raise Stopped from absence
        except Unreachable as fault:
            if writing and fault.denied:
                self._read_only = True
                self.tell(f"{self.place} can't be written ({fault}); nothing is sent to it")
            else:
                self._die(str(fault))
            raise Stopped from fault

    def _greet(self, writing: bool) -> None:
        """Look once whether the remote has the layout we know, and mark it as such before the first write."""
        if self._format is None:
            self._format = (self.read("FORMAT") or b"").decode(errors="replace").strip()
        if not self._format and writing:
            self.objects.write("FORMAT", FORMAT.encode() + b"\n")
            self._format = FORMAT
        if self._format not in ("", FORMAT):
            self._die(f"it has format {self._format[:20]!r}, and this edgesmith reads format {FORMAT!r}")

    def _die(self, cause: str) -> None:
        with self._telling:
            known = self.gone.is_set()
            self.gone.set()
        if not known:
            self.tell(
                f"{self.place} can't be used: {cause}; going on with the local store alone. Check the URL, the network "
                "and the credentials; `edgesmith cache push` sends later what was not sent now"
            )
