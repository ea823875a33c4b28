"""What a stage may not do, looked at after it ran: change its inputs, or write beside its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgesmith.errors import StageFailed
from edgesmith_flows.pipeline import Node
from edgesmith_flows.store import Store

Stamp = tuple[int, ...]


class Conduct:
    """Watches one call of a stage: make it before, `check` after.

    Args:
        origin: the distribution and version of the stage, for the message.
        digests: by input port, the digests of what is connected.
        workspace: the folder with one folder an output port, and nothing else.
    """

    def __init__(
        self, node: Node, origin: str, store: Store, digests: Mapping[str, list[str]], workspace: Path
    ) -> None:
        self._who = f"the stage {node.stage.name} ({origin})"
        self._ports = set(node.output_kinds)
        self._store = store
        self._workspace = workspace
        self._inputs = {digest: (port, self._stamps(digest)) for port, some in digests.items() for digest in some}

    def check(self) -> None:
        """Raise StageFailed if the stage did what it may not; what it made is then worth nothing."""
        for digest, (port, before) in self._inputs.items():
            # A new stamp alone says little: a backup or a link changes them, too.
            if self._stamps(digest) != before and (problem := self._store.verify(digest)):
                raise StageFailed(
                    f"{self._who} changed its input {port!r}: {problem}",
                    hint="an input belongs to all who need it, and is made again now; a stage copies what it changes "
                    "into ctx.out(port) or ctx.scratch: update or uninstall it, or tell its authors",
                )
        beside = sorted(path.name for path in self._workspace.iterdir() if path.name not in self._ports)
        if beside:
            raise StageFailed(
                f"{self._who} wrote {beside[0]!r} beside its outputs ({', '.join(sorted(self._ports))})",
                hint="a stage writes below ctx.out(port) and ctx.scratch: update or uninstall it, or tell its authors",
            )

    def _stamps(self, digest: str) -> dict[str, Stamp]:
        folder = self._store.artifact_folder(digest) / "files"
        return {str(path): _stamp(path) for path in (folder, *folder.rglob("*"))}


def _stamp(path: Path) -> Stamp:
    try:
        status = path.lstat()
    except OSError:  # the stage took it away
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
