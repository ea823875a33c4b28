"""Objects below an fsspec URL: bounded reads, atomic writes, and downloads that go on where they stopped."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from edgesmith.errors import UserError, unknown

T = TypeVar("T")
U = TypeVar("U")

BLOCK = 4 << 20
"""Bytes of one ranged read."""
PART = 8 << 20
"""Bytes of one part of a large upload; a smaller object goes in one request."""
WORKERS = 4
"""Transfers of one artifact at once; with BLOCK and PART this bounds the memory that they take."""

_QUICK = 5.0
"""Seconds within which a fault of a read is worth a second try; what takes longer timed out."""

_S3 = {"s3", "s3a"}
_ATOMIC = {"s3", "s3a", "gs", "gcs"}
"""Protocols where an object appears whole or not at all; elsewhere it is written beside its place and moved."""
_THREADED = {"file", "local", "memory"}
"""Protocols without an event loop of their own that may be called from several threads."""


_DENIALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSYS)


class Absent(Exception):
    """The remote has no such object."""


class Unreachable(Exception):
    """The remote did not do what it was asked.

    Args:
        cause: what the protocol's library raised.
    """

    def __init__(self, cause: Exception) -> None:
        first, *_ = str(cause).splitlines() or [""]
        super().__init__(f"{type(cause).__name__}: {first[:300]}")
        self.cause = cause

    @property
    def denied(self) -> bool:
        """Whether the remote is there, but doesn't allow this."""
        known = isinstance(self.cause, (PermissionError, NotImplementedError))
        return known or (isinstance(self.cause, OSError) and self.cause.errno in _DENIALS)


class Stopped(Exception):
    """The transfer was told to stop."""


class Changed(Exception):
    """A local file's bytes don't fit its digest."""


class Objects:
    """Named byte strings below a URL, for calls from several threads.

    Every method raises Unreachable when the remote fails, whatever the protocol's library raises.

    Args:
        gone: long transfers raise Stopped soon after it is set.
    """

    def __init__(self, files: Any, root: str, gone: threading.Event) -> None:
        self._files = files
        self._root = root.rstrip("/")
        self._gone = gone
        protocols = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
        self._atomic = bool(protocols & _ATOMIC)
        shared = getattr(files, "async_impl", False) or protocols & _THREADED
        self._turn: contextlib.AbstractContextManager[Any] = contextlib.nullcontext() if shared else threading.Lock()

    @classmethod
    def open(cls, url: str, gone: threading.Event) -> Objects:
        """Open a URL; most protocols connect at the first call only.

        Raises:
            UserError: the URL is malformed, or its protocol is unknown or needs a package that isn't installed.
        """
        protocol, separator, place = url.partition("://")
        example = "write e.g. s3://bucket/prefix, or file:///mnt/share for a folder"
        if not (protocol and separator and place.strip("/")):
            raise UserError(f"the remote store {url!r} is not a URL with a place in it", hint=example)
        from fsspec import available_protocols  # 0.1 s to import, which a run without a remote does not pay
        from fsspec.core import url_to_fs

        if protocol.rpartition("::")[2] not in available_protocols():
            raise UserError(unknown("protocol of a remote store", protocol, available_protocols()), hint=example)
        try:
            files, root = url_to_fs(url, **_options(protocol))
        except ImportError as error:
            missing = getattr(error.__cause__ or error, "name", None) or protocol
            raise UserError(
                f"the remote store {shown(url)} needs a package that is not installed: {error}",
                hint=f"install it next to edgesmith: uv pip install {missing}",
            ) from error
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"the remote store {shown(url)} can't be opened: {error}", hint=example) from error
        except Exception as error:  # some protocols connect here
            raise Unreachable(error) from error
        if protocol in _S3:
            files.retries = 1  # it would try 25 times, on top of what its client does
        return cls(files, root, gone)

    def read(self, name: str, limit: int) -> bytes:
        """Return a small object's content, and of one longer than `limit` the first `limit` + 1 bytes.

        Raises:
            Absent: there is none.
        """
        return self._range(name, 0, limit + 1)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes, or None if it isn't there."""
        try:
            found = self._do(self._files.info, self._path(name))
        except Absent:
            return None
        return int(found["size"]) if found["type"] == "file" else None

    def names(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder."""
        try:
            found = self._do(self._files.find, self._path(folder))
        except Absent:
            return []
        start = len(self._root) + 1
        return [str(path)[start:] for path in found]

    def write(self, name: str, content: bytes) -> None:
        """Write a small object, in place of any that is there."""
        with self._staged(name) as path:
            self._do(self._files.pipe_file, path, content)

    def upload(self, name: str, file: Path, digest: str) -> None:
        """Write a local file's content as an object, hashing it on its way.

        Raises:
            Changed: the content's SHA-256 isn't `digest`; nothing was written then.
        """
        if file.stat().st_size <= PART:
            content = file.read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise Changed
            self.write(name, content)
            return
        with self._staged(name) as path:
            stream = self._do(self._files.open, path, "wb", block_size=PART, autocommit=not self._atomic)
            try:
                total = hashlib.sha256()
                with file.open("rb", buffering=0) as source:
                    while block := source.read(1 << 20):
                        self.check()
                        total.update(block)
                        self._do(stream.write, block)
                self._do(stream.close)
                if total.hexdigest() != digest:
                    raise Changed
                if self._atomic:
                    self._do(stream.commit)
            except BaseException:
                with contextlib.suppress(Exception):
                    if self._atomic:
                        stream.closed = True  # or collecting it would send what it still holds
                        stream.discard()
                    else:
                        stream.close()
                raise

    def download(self, name: str, part: Path, size: int) -> str:
        """Fetch an object into a file, going on where the file ends; return the SHA-256 of what is there then.

        A remote object that is shorter than `size` gives a shorter file.

        Raises:
            Absent: there is none.
        """
        total, done = hashlib.sha256(), 0
        with contextlib.suppress(FileNotFoundError), part.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                total.update(block)
                done += len(block)
        if done >= size and part.exists():
            return total.hexdigest()
        with part.open("ab", buffering=0) as file:
            while done < size:
                self.check()
                wanted = min(BLOCK, size - done)
                block = self._range(name, done, done + wanted)
                file.write(block)
                total.update(block)
                done += len(block)
                if len(block) < wanted:
                    break
        return total.hexdigest()

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _range(self, name: str, start: int, end: int) -> bytes:
        begun = time.monotonic()
        try:
            found = self._do(self._files.cat_file, self._path(name), start=start, end=end)
        except Unreachable as fault:
            if time.monotonic() - begun > _QUICK or fault.denied:
                raise
            # S3 has no empty ranges: no fault, if the object ends here. A connection may break in mid-answer: once.
            if getattr(fault.cause, "errno", None) == errno.EINVAL and (self.size(name) or 0) <= start:
                return b""
            found = self._do(self._files.cat_file, self._path(name), start=start, end=end)
        return bytes(found[: end - start])

    @contextlib.contextmanager
    def _staged(self, name: str) -> Iterator[str]:
        """Give the path to write an object at, and bring it to its place at the end."""
        if self._atomic:
            yield self._path(name)
            return
        staged = self._path(f"tmp/{uuid.uuid4().hex}")
        self._do(self._files.makedirs, self._path("tmp"), exist_ok=True)
        try:
            yield staged
            self._do(self._files.makedirs, self._path(name).rpartition("/")[0], exist_ok=True)
            self._do(self._files.mv, staged, self._path(name))
        except BaseException:
            with contextlib.suppress(Exception):
                self._files.rm_file(staged)
            raise

    def check(self) -> None:
        """Raise Stopped once the remote is gone."""
        if self._gone.is_set():
            raise Stopped

    def _do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            with self._turn:
                return call(*args, **kwargs)
        except FileNotFoundError as error:
            raise Absent(str(error)) from error
        except Exception as error:  # each protocol's library has exceptions of its own
            raise Unreachable(error) from error


def shown(url: str) -> str:
    """Return a URL without the user and password that it may hold."""
    protocol, separator, place = url.partition("://")
    host, slash, path = place.partition("/")
    return f"{protocol}{separator}{host.rpartition('@')[2]}{slash}{path}"


def holds_password(url: str) -> bool:
    """Return whether a URL holds a password beside the user."""
    return ":" in url.partition("://")[2].partition("/")[0].rpartition("@")[0]


def each(function: Callable[[T], U], items: Sequence[T], gone: threading.Event) -> list[U]:
    """Call a function with each item, in a few threads; the first error ends it all.

    Args:
        gone: is set by Ctrl-C, so that the threads end soon.
    """
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(WORKERS, "transfer") as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException as error:
            if not isinstance(error, Exception):
                gone.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _options(protocol: str) -> dict[str, Any]:
    """Storage options that make a dead server known in seconds, and let other machines' writes be seen at once."""
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if protocol in _S3:
        from fsspec.config import conf

        retries = {"total_max_attempts": 2, "mode": "standard"}
        own = {"connect_timeout": 3, "read_timeout": 10, "retries": retries}
        options["config_kwargs"] = {**own, **conf.get("s3", {}).get("config_kwargs", {})}
    return options
