"""The shared store at a URL: read through and written back, never trusted, and never in the way of a run.

Layout below the URL::

    FORMAT                       the number of this layout
    blobs/ab/<sha-256>           a file's content
    manifests/ab/<digest>.json   an artifact: its kind and, by relative path, each file's SHA-256 and size
    actions/ab/<key>.json        what a key gave, as in the local store
    tmp/                         what is being written, where the protocol has no atomic writes
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgesmith.artifacts import Artifact
from edgesmith_flows.action import Action, action_bytes
from edgesmith_flows.fit import misfit
from edgesmith_flows.remote_link import Link
from edgesmith_flows.remote_records import (
    action_name,
    blob_name,
    known_key,
    manifest_bytes,
    manifest_name,
    read_manifest,
    read_record,
    same_result,
)
from edgesmith_flows.store import Store
from edgesmith_flows.transfer import Absent, Changed, each


def _to_stderr(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


class Remote:
    """A store that several machines share.

    A fault of the remote never reaches the caller: it is told once, and from then on every call does nothing. A remote
    that can only be read is not written to. What doesn't fit its name is told, counts as absent, and is overwritten
    when this object next sends it.

    Args:
        url: any fsspec URL; credentials and endpoints come from the protocol's usual variables and files.
        warn: is told each fault once, from any thread.

    Raises:
        UserError: the URL is malformed, or its protocol needs a package that isn't installed.
    """

    def __init__(self, url: str, warn: Callable[[str], None] = _to_stderr) -> None:
        self.url = url
        self._link = Link(url, warn)
        self._wrong: set[str] = set()

    @property
    def place(self) -> str:
        """The remote store in words, for messages: its URL without any password."""
        return self._link.place

    @property
    def dead(self) -> bool:
        """Whether every call does nothing, after a fault or after `stop`."""
        return self._link.gone.is_set()

    def stop(self) -> None:
        """End transfers in other threads within a block, and let every later call do nothing."""
        self._link.gone.set()

    def peek(self, key: str, gives: Mapping[str, str] | None = None) -> Action | None:
        """Return the record of what a key gave, without bringing anything here.

        Args:
            gives: by output port of the key's node, the name of its kind, if the node is known; a record with other
                ports doesn't count. Kinds are looked at when the outputs are brought here.
        """
        return self._link.attempt(lambda: self._record(key, gives), None)

    def pull_action(self, store: Store, key: str, gives: Mapping[str, str] | None = None) -> Action | None:
        """Bring what a key gave into the local store; return it, or None if the remote doesn't have all of it.

        Args:
            gives: by output port of the key's node, the name of its kind, if the node is known; a record of anything
                else doesn't count, and is not kept here.

        Raises:
            UserError: the local store can't be written.
        """
        return self._link.attempt(lambda: self._pull_action(store, key, gives), None)

    def pull_artifact(self, store: Store, digest_: str) -> bool:
        """Bring an artifact into the local store, if it isn't there; tell whether it is there now.

        Raises:
            UserError: the local store can't be written.
        """
        return self._link.attempt(lambda: self._pull(store, digest_), False)

    def push_action(self, store: Store, action: Action) -> int:
        """Send what a key gave, artifacts first; return the bytes sent. What the remote has isn't sent again.

        A damaged local artifact isn't sent, nor is a record that names it.
        """
        sent: list[int] = []
        self._link.attempt(lambda: self._push_action(store, action, sent), None, writing=True)
        return sum(sent)

    def push_artifact(self, store: Store, digest_: str) -> bool:
        """Send an artifact, if it isn't there; tell whether it is there now. A damaged local one isn't sent."""

        def push() -> None:
            with contextlib.suppress(ValueError):
                self._push(store, digest_, [])

        self._link.attempt(push, None, writing=True)
        return self._link.attempt(lambda: self._link.read(manifest_name(digest_)) is not None, False)

    def actions(self) -> Iterator[str]:
        """Yield the keys that the remote knows."""
        nothing: list[str] = []
        for name in sorted(self._link.attempt(lambda: self._link.objects.names("actions"), nothing)):
            key = known_key(name)
            if key is not None:
                yield key

    def _record(self, key: str, gives: Mapping[str, str] | None) -> Action | None:
        name = action_name(key)
        content = self._link.read(name)
        if content is None:
            return None
        try:
            action = read_record(key, content)
        except ValueError as problem:
            self._refuse(name, str(problem))
            return None
        return action if self._fits(action, gives) else None

    def _fits(self, action: Action, gives: Mapping[str, str] | None, store: Store | None = None) -> bool:
        problem = None if gives is None else misfit(action, gives, store)
        if problem is not None:
            self._refuse(action_name(action.key), problem)
        return problem is None

    def _pull_action(self, store: Store, key: str, gives: Mapping[str, str] | None) -> Action | None:
        action = self._record(key, gives)
        if action is None or not all(self._pull(store, output) for output in sorted(set(action.outputs.values()))):
            return None
        if not self._fits(action, gives, store):
            return None
        store.record(action)
        return store.find(key)  # which keeps it from `cache gc`

    def _pull(self, store: Store, artifact: str) -> bool:
        if store.has(artifact):
            return True
        with store.lock(f"pull-{artifact}", self._link.objects.check):
            return store.has(artifact) or self._pull_locked(store, artifact)

    def _pull_locked(self, store: Store, artifact: str) -> bool:
        name = manifest_name(artifact)
        content = self._link.read(name)
        if content is None:
            return False
        try:
            manifest = read_manifest(artifact, content)
        except ValueError as problem:
            self._refuse(name, str(problem))
            return False
        blobs = sorted({(blob, size) for blob, size in manifest["files"].values()})
        parts = store.root / "tmp" / f"pull-{artifact}"
        with store.guarded():
            parts.mkdir(exist_ok=True)
            try:
                if not all(each(lambda blob: self._fetch(parts, *blob), blobs, self._link.gone)):
                    return False
            finally:
                with contextlib.suppress(OSError):
                    parts.rmdir()  # unless something was fetched, which the next pull goes on with
            with store.workspace() as workspace:
                _assemble(manifest["files"], parts, workspace / "made")
                kind = type("Pulled", (Artifact,), {"kind": manifest["kind"]})
                published = store.publish(workspace / "made", kind)
        shutil.rmtree(parts, ignore_errors=True)
        if published != artifact:
            self._refuse(name, f"its files make another artifact here, {published[:12]}")
        return published == artifact

    def _fetch(self, parts: Path, blob: str, size: int) -> bool:
        name, part = blob_name(blob), parts / f"{blob}.part"
        # What is left of a broken pull may itself be at fault, so that it gets a second try from the start.
        for _ in range(2 if part.exists() else 1):
            try:
                found = self._link.objects.download(name, part, size)
            except Absent:
                part.unlink(missing_ok=True)
                return False
            if found == blob and part.stat().st_size == size:
                return True
            part.unlink()
        self._refuse(name, "its bytes don't fit its name")
        return False

    def _push_action(self, store: Store, action: Action, sent: list[int]) -> None:
        for output in sorted(set(action.outputs.values())):
            try:
                self._push(store, output, sent)
            except ValueError as problem:
                self._link.tell(
                    f"the artifact {output} was not sent to {self._link.place}: {problem}; `edgesmith cache verify` "
                    "sets a damaged artifact aside, and the next run makes it again"
                )
                return

        def same(content: bytes) -> bool:
            return same_result(read_record(action.key, content), action)

        self._update(action_name(action.key), action_bytes(action), same, sent)

    def _push(self, store: Store, artifact: str, sent: list[int]) -> None:
        """Send an artifact, manifest last; ValueError says what is wrong with the local one."""
        folder = store.artifact_folder(artifact)
        try:
            manifest = read_manifest(artifact, (folder / "manifest.json").read_bytes())
        except OSError as error:
            raise ValueError(f"its manifest: {error.strerror}") from error
        paths = {blob: (path, size) for path, (blob, size) in manifest["files"].items()}

        def send(blob: str) -> None:
            path, size = paths[blob]
            name = blob_name(blob)
            if name not in self._wrong and self._link.objects.size(name) == size:
                return
            try:
                self._link.objects.upload(name, folder / "files" / path, blob)
            except Changed:
                raise ValueError(f"{path} has changed") from None
            except OSError as error:
                raise ValueError(f"{path}: {error.strerror}") from error
            self._wrong.discard(name)
            sent.append(size)

        each(send, sorted(paths), self._link.gone)
        text = manifest_bytes(manifest)
        self._update(manifest_name(artifact), text, lambda found: bool(read_manifest(artifact, found)), sent)

    def _update(self, name: str, text: bytes, same: Callable[[bytes], bool], sent: list[int]) -> None:
        """Write a JSON object, unless the remote's is sound and the same."""
        content = self._link.read(name)
        with contextlib.suppress(ValueError):
            if content is not None and same(content):
                return
        self._link.objects.write(name, text)
        sent.append(len(text))

    def _refuse(self, name: str, problem: str) -> None:
        self._wrong.add(name)
        self._link.tell(f"{self._link.place}: {name}: {problem}; it counts as absent")


def _assemble(files: Mapping[str, list[Any]], parts: Path, folder: Path) -> None:
    """Build an artifact's folder from its blobs; links keep those until the artifact is published."""
    folder.mkdir()
    linked = set()
    for path, (blob, _) in files.items():
        target, part = folder / path, parts / f"{blob}.part"
        target.parent.mkdir(parents=True, exist_ok=True)
        if blob not in linked:
            with contextlib.suppress(OSError):  # a file system without hard links
                os.link(part, target)
                linked.add(blob)
                continue
        shutil.copyfile(part, target)
