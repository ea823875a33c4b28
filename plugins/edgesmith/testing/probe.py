"""Look at a plugin class from a fresh process: what its import loads, and what of it goes into keys.

Two processes have different hash seeds and working folders, so that what depends on these shows.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import edgesmith.boot
from edgesmith.dataset import Dataset
from edgesmith.loading import load_object, object_name
from edgesmith.runtime import Runtime
from edgesmith.stage import Stage
from edgesmith.target import Target, make_target
from edgesmith.testing.trial import bridge_to

HEAVY = frozenset({
    "PIL", "coremltools", "cv2", "jax", "matplotlib", "numpy", "onnx", "onnxruntime", "pandas", "prefect", "scipy",
    "sklearn", "tensorflow", "timm", "torch", "torchvision", "transformers",
})  # fmt: skip
"""Packages that take long to import, whether or not a plugin requires them."""


def probe(cls: type, params: Mapping[str, Any], kinds: Mapping[str, list[str]]) -> dict[str, Any]:
    """Import a class in a fresh process and describe it.

    Args:
        cls: a plugin class; it must be importable by its name.
        params: as a pipeline would give them.
        kinds: by input port, the names of the connected kinds' classes.

    Returns:
        `loaded`: top-level packages that its import brought and shouldn't have; `key`: what goes into keys.
    """
    order = {"cls": object_name(cls), "params": dict(params), "kinds": dict(kinds)}
    lent = bridge_to(cls, *(load_object(name) for names in kinds.values() for name in names))
    command = [sys.executable, "-I", edgesmith.boot.__file__, json.dumps(lent), __name__, json.dumps(order)]
    with tempfile.TemporaryDirectory(prefix="edgesmith-") as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{object_name(cls)} can't be used in a fresh process:\n{done.stderr}"
    return dict(json.loads(done.stdout.splitlines()[-1]))


def key_parts(cls: Any, params: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return what of a plugin class goes into keys, but for its source and resolved versions."""
    parts: dict[str, Any] = {"name": cls.name, "version": cls.version}
    if issubclass(cls, Stage):
        checked = cls.Params(**params)
        parts["params"] = checked.model_dump(mode="json")
        parts["toolchain"] = repr(cls.toolchain(checked, kinds))
        parts["tools"] = {name: repr(one) for name, one in sorted(cls.tools(checked, kinds).items())}
    if issubclass(cls, Dataset):
        parts["fingerprint"] = cls(cls.Params(**params)).fingerprint(_digest)
    if issubclass(cls, (Dataset, Runtime)):
        parts["requirements"] = list(cls.requirements)
    if issubclass(cls, Target):
        target = make_target(cls, params)
        pool = target.work_pool()
        # The machine that answers tells what it is.
        parts["identity"] = dict(target.identity()) if pool is None else {"work_pool": repr(pool)}
    return parts


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def unwanted(brought: Iterable[str], requirements: Iterable[str]) -> list[str]:
    """Return which of the packages that an import brought are heavy, or among the requirements."""
    tops = {name.partition(".")[0] for name in brought}
    return sorted(tops & (HEAVY | {module for one in requirements for module in _modules(one)}))


def _modules(requirement: str) -> set[str]:
    """Return the top-level modules of an installed requirement; a guess where it isn't installed."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    name = found.group() if found else requirement
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return {name.replace("-", "_")}
    tops = {file.parts[0] for file in files if len(file.parts) > 1} | {
        file.stem for file in files if len(file.parts) == 1
    }
    return {top for top in tops if top.isidentifier()} or {name.replace("-", "_")}


def main() -> None:
    """Answer one order, as `probe` gives it."""
    order = json.loads(sys.argv[1])
    before = set(sys.modules)
    cls = load_object(order["cls"])
    brought = set(sys.modules) - before
    kinds = {port: tuple(load_object(name) for name in names) for port, names in order["kinds"].items()}
    loaded = unwanted(brought, getattr(cls, "requirements", ()))
    print(json.dumps({"loaded": loaded, "key": key_parts(cls, order["params"], kinds)}))


if __name__ == "__main__":
    main()
