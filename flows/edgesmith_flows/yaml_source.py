"""Read a YAML file and remember where everything in it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgesmith.errors import UserError

KeyPath = tuple[str | int, ...]
_MOST_NODES = 200_000


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a pipeline: where it stands and what was expected."""

    path: str
    line: int
    message: str


class PipelineError(UserError):
    """All the problems of one pipeline file, reported together."""

    def __init__(self, file: Path | str, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.path))
        lines = [
            f"{file}:{p.line}: {p.path}: {p.message}" if p.path else f"{file}:{p.line}: {p.message}"
            for p in self.problems
        ]
        count = len(lines)
        head = f"{file}: {count} problem{'s' if count > 1 else ''}, nothing was run"
        super().__init__("\n".join([head, *("  " + line for line in lines)]))


@dataclass(frozen=True)
class YamlSource:
    """A YAML document and the line of each of its keys and items (1-based)."""

    file: Path
    data: Any
    lines: Mapping[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """Return the line of `path`, or of its nearest ancestor that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Make a Problem that stands at `path`."""
        return Problem(dotted(path), self.line(path), message)


def dotted(path: KeyPath) -> str:
    """Write a key path as people do: `stages.onnx.needs[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def load_yaml(file: Path) -> YamlSource:
    """Read a YAML file safely.

    Raises:
        PipelineError: it can't be read, isn't YAML, or a mapping has a key twice.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        problems = list(_duplicates(root)) if root is not None else []
        if problems:
            raise PipelineError(file, problems)
        lines = dict(_places(root, ())) if root is not None else {}
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        raise PipelineError(file, [Problem("", mark.line + 1 if mark else 1, f"not YAML: {what}")]) from error
    except RecursionError as error:
        raise PipelineError(file, [Problem("", 1, "nested too deeply, or an alias contains itself")]) from error
    finally:
        loader.dispose()
    return YamlSource(file, data, lines)


def _duplicates(root: yaml.Node) -> Iterator[Problem]:
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            stack.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                stack.append(value)
                line = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode) and key.value in first and key.value != "<<":
                    yield Problem("", line, f"{key.value!r} is given twice (first on line {first[key.value]})")
                first.setdefault(str(key.value), line)


def _places(root: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    count = 0
    stack: list[tuple[yaml.Node, KeyPath, int]] = [(root, path, root.start_mark.line + 1)]
    while stack:
        node, here, line = stack.pop()
        count += 1
        if count > _MOST_NODES:
            raise RecursionError
        yield here, line
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    merged = here if key.value == "<<" else (*here, key.value)
                    stack.append((value, merged, key.start_mark.line + 1))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                stack.append((value, (*here, index), value.start_mark.line + 1))
