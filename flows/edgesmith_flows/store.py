"""The store: content-addressed artifacts, and the action cache from keys to output digests.

Layout below the root::

    artifacts/ab/abcd.../   manifest.json and files/
    actions/ab/abcd....json what a key gave: outputs by port, figures, the key's document
    scratch/KEY/            checkpoints of a node in the making
    locks/KEY.lock          held while a node is made
    leases/                 what running pipelines use
    tmp/                    what is being written, by lease
    damaged/                artifacts whose content no longer fits their digest
    runs/                   one record a run
    nights/                 one record a night
    reports/                pages that flow runs write, by run
    tags/                   runs kept by name
    machines/               what machines elsewhere told of themselves
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgesmith.artifacts import Artifact
from edgesmith.errors import UserError
from edgesmith_flows.action import Action, action_bytes, read_action
from edgesmith_flows.canonical import digest
from edgesmith_flows.files import sync, walk, write_atomically
from edgesmith_flows.lease import Gate, Lease, sweep
from edgesmith_flows.memo import Memo, hash_file

FORMAT = "1"
_FOLDERS = ("artifacts", "actions", "scratch", "locks", "leases", "tmp", "runs", "tags", "logs")


class Store:
    """A local store in a folder; opened by many processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gate = Gate(root / "locks" / "gate")
        self._lease: Lease | None = None

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store in `root`, made if need be.

        Raises:
            UserError: the folder can't be made or written, or holds a store of another format.
        """
        store = cls(root.absolute())
        with store.guarded():
            for name in _FOLDERS:
                (store.root / name).mkdir(parents=True, exist_ok=True)
            marker = store.root / "FORMAT"
            if not marker.exists():
                write_atomically(store.root / ".gitignore", b"*\n", store.root / "tmp")
                write_atomically(marker, FORMAT.encode() + b"\n", store.root / "tmp")
            if not os.access(store.root / "tmp", os.W_OK):
                frozen = os.statvfs(store.root).f_flag & os.ST_RDONLY
                raise OSError(errno.EROFS if frozen else errno.EACCES, "not writable", str(store.root))
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
            advice = "choose another folder with --store or EDGESMITH_STORE, then run again"
            if error.errno == errno.ENOENT:
                hint = f"was it removed while a run used it? {advice}"
            else:
                hint = f"nothing half-made was published and every finished node is kept; make room or {advice}"
            raise UserError(f"the store {self.root}: {reasons[error.errno]}", hint=hint) from error

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Keep from `cache gc` what this store's `find`, `publish` and `record` meet, until the end.

        What runs that were killed left half-written is removed here.
        """
        lease = self._take_lease()
        try:
            yield
        finally:
            self._lease = None
            shutil.rmtree(self.root / "tmp" / lease.name, ignore_errors=True)
            lease.end()

    def _take_lease(self) -> Lease:
        with self.guarded():
            with self.gate.hold(alone=True, wait=False) as alone:
                if alone:
                    sweep(self.root / "leases", self.root / "tmp")
            with self.gate.hold():
                self._lease = Lease(self.root / "leases")
                (self.root / "tmp" / self._lease.name).mkdir()
        return self._lease

    def _keep(self, *names: str) -> None:
        if self._lease is not None:
            self._lease.keep(names)

    @property
    def _tmp(self) -> Path:
        return self.root / "tmp" / (self._lease.name if self._lease else "")

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
        found = {p.relative_to(folder / "files").as_posix() for p in walk(folder / "files")}
        if found != set(files):
            odd = sorted(found ^ set(files))[0]
            return f"{odd} is {'extra' if odd in found else 'missing'}"
        for name, (content, _) in files.items():
            try:
                if hash_file(folder / "files" / name) != content:
                    return f"{name} has changed"
            except FileNotFoundError:  # somebody moved it away meanwhile
                return f"{name} is missing"
            except OSError as error:
                return f"{name} can't be read ({error.strerror})"
        return None

    def refuse(self, digest_: str) -> str | None:
        """Verify an artifact and set it aside if it is damaged; return in words what was done, None if it is sound.

        Several that find one artifact damaged take turns, so that none sets aside what another made again.
        """
        with self.lock(f"mend-{digest_}"):
            problem = self.verify(digest_)
            if problem is None:
                return None
            if not self.artifact_folder(digest_).exists():
                return "its artifact is gone"
            return f"a damaged artifact ({problem}) was set aside in {self.set_aside(digest_)}"

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
            folder = Path(tempfile.mkdtemp(dir=self._tmp))
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
            for path in sorted(walk(folder)):
                name = path.relative_to(folder).as_posix()
                if not stat.S_ISREG(path.lstat().st_mode):
                    raise UserError(f"the stage wrote {name!r}, which is not a regular file")
                if not name.isprintable():
                    raise UserError(f"the stage wrote a file whose name is not plain text: {name!r}")
                files[name] = [hash_file(path), path.stat().st_size]
                sync(path)
                path.chmod(0o444)
            manifest = {"kind": kind.kind, "files": files}
            name = digest(manifest)
            place = self.artifact_folder(name)
            with self.gate.hold():
                self._keep(name)
            if place.exists() and (self.verify(name) is None or self.refuse(name) is None):
                return name
            staged = Path(tempfile.mkdtemp(dir=self._tmp))
            try:
                folder.rename(staged / "files")
                text = json.dumps(manifest, indent=1, sort_keys=True)
                (staged / "manifest.json").write_text(text + "\n", encoding="utf-8")
                # Folders aren't synced: one that a power cut takes is missed by `has`, and made again.
                sync(staged / "manifest.json")
                place.parent.mkdir(parents=True, exist_ok=True)
                staged.chmod(0o755)
                try:
                    staged.rename(place)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            return name

    def _action_file(self, key: str) -> Path:
        return self.root / "actions" / key[:2] / f"{key}.json"

    def action(self, key: str) -> Action | None:
        """Return what a key gave, if all its outputs are still there."""
        action = self.recorded(key)
        return action if action and all(self.has(output) for output in action.outputs.values()) else None

    def find(self, key: str) -> Action | None:
        """Return what a key gave, as `action` does, and keep it: as this run uses it, it counts as used now."""
        with self.gate.hold():
            action = self.action(key)
            if action is not None and self._lease is not None:
                self._keep(key, *action.outputs.values())
                with contextlib.suppress(OSError):
                    os.utime(self._action_file(key))
        return action

    def recorded(self, key: str) -> Action | None:
        """Return the record of what a key gave, whether or not its outputs are still there."""
        try:
            return read_action(key, self._action_file(key).read_bytes())
        except (OSError, ValueError):
            return None

    def record(self, action: Action) -> None:
        """Remember what a key gave."""
        file = self._action_file(action.key)
        with self.guarded():
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.gate.hold():
                self._keep(action.key, *action.outputs.values())
                write_atomically(file, action_bytes(action), self._tmp)

    def write(self, file: Path, content: bytes) -> None:
        """Write a record below the root, whole or not at all; a collection waits for it."""
        with self.guarded():
            file.parent.mkdir(exist_ok=True)
            with self.gate.hold():
                write_atomically(file, content, self._tmp)

    def forget(self, key: str) -> None:
        """Drop what a key gave, so that it is made again."""
        self._action_file(key).unlink(missing_ok=True)

    def scratch(self, key: str) -> Path:
        """Return a key's scratch folder, made if need be."""
        folder = self.root / "scratch" / key
        with self.guarded():
            folder.mkdir(parents=True, exist_ok=True)
            with self.gate.hold():
                self._keep(key)
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
        for key in self.keys():
            action = self.action(key)
            if action is not None:
                yield action

    def keys(self) -> Iterator[str]:
        """Yield all recorded keys, in order."""
        for file in sorted((self.root / "actions").glob("??/*.json")):
            yield file.stem

    def used(self, key: str) -> float:
        """Return when a key's result was last made or found by a run, as a time stamp."""
        return self._action_file(key).stat().st_mtime
