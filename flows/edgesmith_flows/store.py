"""The store: content-addressed artifacts, and the action cache from keys to output digests.

Layout below the root::

    artifacts/ab/abcd.../   manifest.json and files/
    actions/ab/abcd....json what a key gave: outputs by port, figures, the key's document
    scratch/KEY/            checkpoints of a node in the making
    locks/KEY.lock          held while a node is made
    tmp/                    what is being written
    damaged/                artifacts whose content no longer fits their digest
    runs/                   one record a run
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesmith.artifacts import Artifact
from edgesmith.errors import UserError
from edgesmith_flows.canonical import digest
from edgesmith_flows.memo import Memo, hash_file

FORMAT = "1"


@dataclass(frozen=True)
class Action:
    """What a key gave.

    Attributes:
        outputs: artifact digest by output port.
        figures: what the stage returned.
        document: the key's document, for `explain`.
        seconds: how long it took.
    """

    key: str
    outputs: Mapping[str, str]
    figures: Mapping[str, Any]
    document: Mapping[str, Any]
    seconds: float = 0.0


class Store:
    """A local store in a folder; opened by many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store in `root`, made if need be.

        Raises:
            UserError: the folder can't be made or written, or holds a store of another format.
        """
        store = cls(root.absolute())
        with store.guarded():
            for name in ("artifacts", "actions", "scratch", "locks", "tmp", "runs"):
                (store.root / name).mkdir(parents=True, exist_ok=True)
            marker = store.root / "FORMAT"
            if not marker.exists():
                _write_atomically(store.root, marker, FORMAT.encode() + b"\n")
            (store.root / ".gitignore").write_text("*\n", encoding="utf-8")
            if not os.access(store.root / "tmp", os.W_OK):
                raise PermissionError(errno.EACCES, "not writable", str(store.root))
        found = marker.read_text(encoding="utf-8").strip()
        if found != FORMAT:
            raise UserError(
                f"the store {store.root} has format {found!r}; this edgesmith reads format {FORMAT!r}",
                hint="use another folder (--store), or the edgesmith that made it",
            )
        return store

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn a full disk, a missing permission or a read-only file system into one clear message."""
        try:
            yield
        except OSError as error:
            reasons = {
                errno.ENOSPC: "the disk is full",
                errno.EDQUOT: "the disk quota is used up",
                errno.EACCES: "it can't be written (permission denied)",
                errno.EPERM: "it can't be written (operation not permitted)",
                errno.EROFS: "it is on a read-only file system",
                errno.ENOTDIR: "a part of its path is a file, not a folder",
                errno.EEXIST: "a file stands where a folder should be",
                errno.ENOENT: f"{error.filename or 'a part of it'} is gone or can't be made",
            }
            if error.errno not in reasons:
                raise
            raise UserError(
                f"the store {self.root}: {reasons[error.errno]}",
                hint="nothing half-made was published and every finished node is kept; make room or choose another "
                "folder with --store or EDGESMITH_STORE, then run again",
            ) from error

    def memo(self) -> Memo:
        """Open the store's memo of file digests."""
        return Memo(self.root / "memo.sqlite")

    def artifact_folder(self, digest_: str) -> Path:
        """Return the folder of an artifact, whether or not it is there."""
        return self.root / "artifacts" / digest_[:2] / digest_

    def has(self, digest_: str) -> bool:
        """Tell whether an artifact is there, with a sound manifest; its files are not looked at (see `verify`)."""
        try:
            return digest(self.manifest(digest_)) == digest_
        except (OSError, ValueError, TypeError):
            return False

    def manifest(self, digest_: str) -> dict[str, Any]:
        """Return an artifact's manifest: its kind and, by relative path, each file's digest and size."""
        text = (self.artifact_folder(digest_) / "manifest.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def get(self, digest_: str, kind: type[Artifact]) -> Artifact:
        """Return an artifact for reading, without looking at its content (see `verify`)."""
        return kind(self.artifact_folder(digest_) / "files", digest_)

    def verify(self, digest_: str) -> str | None:
        """Compare an artifact's content with its digest; return what is wrong, or None."""
        folder = self.artifact_folder(digest_)
        try:
            manifest = self.manifest(digest_)
        except (OSError, ValueError, TypeError) as error:
            return f"its manifest cannot be read ({error})"
        if digest(manifest) != digest_:
            return "its manifest does not fit its digest"
        files = manifest["files"]
        found = {p.relative_to(folder / "files").as_posix() for p in _walk(folder / "files")}
        if found != set(files):
            odd = sorted(found ^ set(files))[0]
            return f"{odd} is {'extra' if odd in found else 'missing'}"
        for name, (content, _) in files.items():
            if hash_file(folder / "files" / name) != content:
                return f"{name} has changed"
        return None

    def set_aside(self, digest_: str) -> Path:
        """Move a damaged artifact out of the way, and return where it went."""
        place = self.root / "damaged" / f"{digest_}-{time.time_ns()}"
        with self.guarded():
            place.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                self.artifact_folder(digest_).rename(place)
        return place

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder on the store's file system, removed at the end."""
        with self.guarded():
            folder = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, kind: type[Artifact]) -> str:
        """Move a filled folder (inside a workspace) into the store; return its digest.

        The same content published twice is kept once; a damaged copy that is there already is set aside.

        Raises:
            UserError: the folder has a link, a device or a file name that isn't plain text; or the disk is full.
        """
        with self.guarded():
            files = {}
            for path in sorted(_walk(folder)):
                name = path.relative_to(folder).as_posix()
                if not stat.S_ISREG(path.lstat().st_mode):
                    raise UserError(f"the stage wrote {name!r}, which is not a regular file")
                if not name.isprintable():
                    raise UserError(f"the stage wrote a file whose name is not plain text: {name!r}")
                files[name] = [hash_file(path), path.stat().st_size]
                _sync(path)
                path.chmod(0o444)
            manifest = {"kind": kind.kind, "files": files}
            name = digest(manifest)
            place = self.artifact_folder(name)
            if place.exists():
                if self.verify(name) is None:
                    return name
                self.set_aside(name)
            staged = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
            try:
                folder.rename(staged / "files")
                text = json.dumps(manifest, indent=1, sort_keys=True)
                (staged / "manifest.json").write_text(text + "\n", encoding="utf-8")
                _sync(staged / "manifest.json")
                _sync(staged)
                place.parent.mkdir(parents=True, exist_ok=True)
                staged.chmod(0o755)
                try:
                    staged.rename(place)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
                _sync(place.parent)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            return name

    def _action_file(self, key: str) -> Path:
        return self.root / "actions" / key[:2] / f"{key}.json"

    def action(self, key: str) -> Action | None:
        """Return what a key gave, if all its outputs are still there."""
        try:
            found = json.loads(self._action_file(key).read_text(encoding="utf-8"))
            seconds = float(found.get("seconds", 0))
            action = Action(key, dict(found["outputs"]), dict(found["figures"]), dict(found["document"]), seconds)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return action if all(self.has(output) for output in action.outputs.values()) else None

    def document(self, key: str) -> Mapping[str, Any] | None:
        """Return the document of a key that once gave something, whether or not that is still there."""
        try:
            return dict(json.loads(self._action_file(key).read_text(encoding="utf-8"))["document"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def record(self, action: Action) -> None:
        """Remember what a key gave."""
        file = self._action_file(action.key)
        with self.guarded():
            file.parent.mkdir(parents=True, exist_ok=True)
            body = {
                "outputs": dict(action.outputs),
                "figures": dict(action.figures),
                "document": dict(action.document),
                "seconds": round(action.seconds, 3),
            }
            _write_atomically(self.root, file, json.dumps(body, indent=1, sort_keys=True).encode() + b"\n")

    def forget(self, key: str) -> None:
        """Drop what a key gave, so that it is made again."""
        self._action_file(key).unlink(missing_ok=True)

    def scratch(self, key: str) -> Path:
        """Return a key's scratch folder, made if need be."""
        folder = self.root / "scratch" / key
        with self.guarded():
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, key: str) -> None:
        """Remove a key's scratch folder once its node has succeeded."""
        shutil.rmtree(self.root / "scratch" / key, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, key: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold a key's lock; the kernel gives it back when the process dies.

        Args:
            waiting: called again and again while another run holds it; may raise to give up.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / "locks" / f"{key}.lock")
        while not lock.is_locked:
            with self.guarded(), contextlib.suppress(Timeout):
                lock.acquire(timeout=0.5)
                break
            waiting()
        try:
            yield
        finally:
            lock.release()

    def artifacts(self) -> Iterator[str]:
        """Yield the digests of all artifacts."""
        for folder in sorted((self.root / "artifacts").glob("??/*")):
            if (folder / "manifest.json").is_file():
                yield folder.name

    def actions(self) -> Iterator[Action]:
        """Yield all that the action cache knows and still has."""
        for file in sorted((self.root / "actions").glob("??/*.json")):
            action = self.action(file.stem)
            if action is not None:
                yield action


def _walk(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that isn't a real folder."""
    for parent, folders, files in os.walk(folder, followlinks=False):
        yield from (Path(parent, name) for name in files)
        yield from (Path(parent, name) for name in folders if Path(parent, name).is_symlink())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_atomically(root: Path, file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=root / "tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
