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
_DEEPEST = 100


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
        # What follows a problem's first line may explain several of them, and is told once.
        shown = dict.fromkeys(part for line in lines for part in ("  " + line).split("\n"))
        super().__init__("\n".join([head, *shown]))


@dataclass(frozen=True)
class YamlSource:
    """A YAML document, the line of each of its keys and items (1-based), and its text."""

    file: Path
    data: Any
    lines: Mapping[KeyPath, int]
    text: str = ""

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
        UserError: it can't be read.
        PipelineError: it isn't YAML, a mapping has a key twice, or it is too deep or too large.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path) -> YamlSource:
    """Parse YAML that came from `file`; see `load_yaml`."""
    kind = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_shape(text, file, kind)
        loader = kind(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return YamlSource(file, None, {})
            problems = [*_duplicates(root), *_unreadable(root, loader)]
            if problems:
                raise PipelineError(file, problems)
            lines = dict(_places(root, file))
            return YamlSource(file, loader.construct_document(root), lines, text)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        raise PipelineError(file, [Problem("", mark.line + 1 if mark else 1, f"not YAML: {what}")]) from error


def _check_shape(text: str, file: Path, kind: Any) -> None:
    """Refuse, event by event, what would overflow the stack of the recursive composer (a crash, in libyaml's)."""
    anchors: list[str | None] = []
    for event in yaml.parse(text, Loader=kind):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionStartEvent):
            anchors.append(event.anchor)
            if len(anchors) > _DEEPEST:
                raise PipelineError(file, [Problem("", line, f"nested too deeply (over {_DEEPEST} levels)")])
        elif isinstance(event, yaml.CollectionEndEvent):
            anchors.pop()
        elif isinstance(event, yaml.AliasEvent) and event.anchor in anchors:
            raise PipelineError(file, [Problem("", line, f"an alias contains itself: *{event.anchor}")])


def _walk(root: yaml.Node) -> Iterator[yaml.Node]:
    """Yield every node once, however many aliases lead to it."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.SequenceNode):
            stack.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            stack.extend(part for pair in node.value for part in pair)


def _unreadable(root: yaml.Node, loader: Any) -> Iterator[Problem]:
    """Find scalars whose text doesn't fit their tag: PyYAML lets any exception out for them."""
    for node in _walk(root):
        if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:merge":
            try:
                loader.construct_object(node)
            except yaml.YAMLError:
                raise
            except Exception as error:
                tag = node.tag.rpartition(":")[2]
                message = f"not YAML: {node.value[:40]!r} can't be read as {tag}: {error}"
                yield Problem("", node.start_mark.line + 1, message)


def _duplicates(root: yaml.Node) -> Iterator[Problem]:
    for node in _walk(root):
        if isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, _ in node.value:
                line = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode) and key.value in first and key.value != "<<":
                    yield Problem("", line, f"{key.value!r} is given twice (first on line {first[key.value]})")
                first.setdefault(str(key.value), line)


def _places(root: yaml.Node, file: Path) -> Iterator[tuple[KeyPath, int]]:
    count = 0
    stack: list[tuple[yaml.Node, KeyPath, int]] = [(root, (), root.start_mark.line + 1)]
    while stack:
        node, here, line = stack.pop()
        count += 1
        if count > _MOST_NODES:
            raise PipelineError(file, [Problem("", 1, f"too many values (over {_MOST_NODES:,}, aliases counted)")])
        yield here, line
        if isinstance(node, yaml.MappingNode):
            # Merged mappings go last onto the stack and come off first: the mapping's own keys then have the last word.
            for key, value in sorted(node.value, key=lambda pair: pair[0].value == "<<"):
                if isinstance(key, yaml.ScalarNode):
                    merged = here if key.value == "<<" else (*here, key.value)
                    stack.append((value, merged, key.start_mark.line + 1))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                stack.append((value, (*here, index), value.start_mark.line + 1))
