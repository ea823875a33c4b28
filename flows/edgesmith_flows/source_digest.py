"""The digest of a plugin class' own source: its module and what that imports from its own package."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from edgesmith.loading import package_place
from edgesmith_flows.memo import Memo


class SourceDigests:
    """Digests of modules with their package-local imports, followed through the syntax tree, without importing.

    Imports inside functions count, as stages import their heavy helpers in `run`. `__init__` files of the packages
    between the top one and a module count too, since importing the module runs them.
    """

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._closures: dict[str, str] = {}

    def of(self, cls: type) -> str:
        """Return the digest for the module that defines `cls`."""
        module = cls.__module__
        if module not in self._closures:
            self._closures[module] = self._closure(module)
        return self._closures[module]

    def _closure(self, module: str) -> str:
        top = module.partition(".")[0]
        root = package_place(top)
        if root is None:
            raise ValueError(f"{module} has no source file")
        files: dict[str, str] = {}
        stack = [module]
        while stack:
            name = stack.pop()
            if name in files:
                continue
            path = _file_of(name, top, root)
            if path is None:
                continue
            facts = self._memo.fact(path, f"imports:{name}", lambda path=path, name=name: _facts(path, name, top))
            files[name] = facts["content"]
            stack.extend(facts["imports"])
            parts = name.split(".")
            stack.extend(".".join(parts[:end]) for end in range(2, len(parts)))
        total = hashlib.sha256()
        for name in sorted(files):
            total.update(f"{name}\0{files[name]}\n".encode())
        return total.hexdigest()


def _file_of(name: str, top: str, root: Path) -> Path | None:
    if root.is_file():
        return root if name == top else None
    place = root.joinpath(*name.split(".")[1:])
    for candidate in (
        place.with_suffix(".py") if name != top else place / "__init__.py",
        place / "__init__.py",
    ):
        if candidate.is_file():
            return candidate
    return None


def _facts(path: Path, name: str, top: str) -> dict[str, object]:
    content = path.read_bytes()
    is_package = path.name == "__init__.py"
    return {
        "content": hashlib.sha256(content).hexdigest(),
        "imports": sorted(set(_imports(content, name, is_package, top))),
    }


def _imports(content: bytes, name: str, is_package: bool, top: str) -> Iterable[str]:
    """Yield the names under `top` that a module imports; `from a import b` yields a and a.b (b may be a module)."""
    try:
        tree = ast.parse(content)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == top)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                kept = len(parts) - node.level + (1 if is_package else 0)
                base = ".".join([*parts[:kept], *([node.module] if node.module else [])])
            if base.split(".")[0] == top:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)
