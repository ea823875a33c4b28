"""Copies of artifacts outside of the store."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgesmith.errors import UserError
from edgesmith_flows.store import Store


def checkout(store: Store, digest: str, folder: Path) -> Path:
    """Copy an artifact's files into a folder that isn't there yet, or is empty; return it.

    The content is compared with its digest first. The files are plain, writable copies.

    Raises:
        UserError: the artifact is gone or damaged; the folder has something in it, or can't be written.
    """
    if not store.has(digest):
        raise UserError(f"the artifact {digest[:12]} is no longer in {store.root}", hint="run the pipeline again")
    problem = store.verify(digest)
    if problem:
        raise UserError(f"the artifact {digest[:12]} is damaged: {problem}", hint="run the pipeline again")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already", hint="remove it, or name another folder with `--out`")
    files = store.artifact_folder(digest) / "files"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(files, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    except OSError as error:  # of a whole tree, `shutil.Error` lists what failed
        why = error.strerror or (error.args[0][0][2] if error.args and isinstance(error.args[0], list) else error)
        raise UserError(f"{folder} can't be written: {why}", hint="name another folder with `--out`") from error
    return folder
