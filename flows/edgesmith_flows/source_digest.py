"""The digest of a plugin class' source: its module and what that imports from its own package and from the contract."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from edgesmith import COMPUTING, home_of
from edgesmith.loading import package_place
from edgesmith_flows.memo import Memo

_CONTRACT = "edgesmith"


class SourceDigests:
    """Digests of modules with their package-local imports, followed through the syntax tree, without importing.

    Imports inside functions count, as stages import their heavy helpers in `run`. `__init__` files of the packages
    between the top one and a module count too, since importing the module runs them. Of the contract those modules
    count whose code shapes artifacts (`edgesmith.COMPUTING`).
    """

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._closures: dict[str, str] = {}

    def of(self, cls: type) -> str:
        """Return the digest for the module that defines `cls`."""
        return self.of_module(cls.__module__)

    def of_module(self, module: str) -> str:
        """Return the digest for a module, by its dotted name.

        Raises:
            ValueError: it has no source file.
        """
        if module not in self._closures:
            self._closures[module] = self._closure(module)
        return self._closures[module]

    def _closure(self, module: str) -> str:
        if package_place(_top(module)) is None:
            raise ValueError(f"{module} has no source file")
        files: dict[str, str] = {}
        stack = [module]
        while stack:
            name = stack.pop()
            if name in files:
                continue
            path = _file_of(name)
            if path is None:
                continue
            facts = self._memo.fact(path, f"imports:{name}", lambda path=path, name=name: _facts(path, name))
            files[name] = facts["content"]
            stack.extend(_followed(facts["imports"], name))
            parts = name.split(".")
            if parts[0] != _CONTRACT:
                stack.extend(".".join(parts[:end]) for end in range(2, len(parts)))
        total = hashlib.sha256()
        for name in sorted(files):
            total.update(f"{name}\0{files[name]}\n".encode())
        return total.hexdigest()


def _top(name: str) -> str:
    return name.partition(".")[0]


def _file_of(name: str) -> Path | None:
    top = _top(name)
    root = package_place(top)
    if root is None:
        return None
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


def _facts(path: Path, name: str) -> dict[str, object]:
    """Return what the file's content alone decides, and the memo may keep: which imports count is this edgesmith's."""
    content = path.read_bytes()
    imports = _imports(content, name, path.name == "__init__.py")
    return {"content": hashlib.sha256(content).hexdigest(), "imports": [list(one) for one in imports]}


def _followed(imports: Iterable[tuple[str, list[str]]], name: str) -> Iterable[str]:
    """Yield those of the modules that a module imports that count: its package's, and the contract's computing ones.

    `from a import b` yields a and a.b, as b may be a module.
    """
    for base, names in imports:
        if _top(base) == _top(name) != _CONTRACT:
            yield base
            yield from (f"{base}.{one}" for one in names)
        elif _top(base) == _CONTRACT:
            homes = [home_of(one) for one in names] if base == _CONTRACT else [base.split(".")[1]]
            yield from (f"{_CONTRACT}.{home}" for home in homes if home in COMPUTING)


def _imports(content: bytes, name: str, is_package: bool) -> Iterable[tuple[str, list[str]]]:
    """Yield each imported module with the names that are taken from it."""
    try:
        tree = ast.parse(content)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                kept = len(parts) - node.level + (1 if is_package else 0)
                base = ".".join([*parts[:kept], *([node.module] if node.module else [])])
            yield base, [alias.name for alias in node.names]
