"""Docstrings in Google's style, taken apart and written as Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

_SECTION = re.compile(r"(Args|Attributes|Class attributes|Returns|Raises):")
_ENTRY = re.compile(r"([\w`*, .]+):\s+(.+)")


@dataclass
class Docstring:
    """A docstring: its text, and its sections with an entry a name (an empty name for a section of plain text)."""

    text: str = ""
    sections: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The first line."""
        return self.text.partition("\n")[0]

    def described(self, name: str) -> str:
        """What a section says of an argument or attribute, or nothing."""
        for title in ("Args", "Attributes", "Class attributes"):
            if name in self.sections.get(title, {}):
                return self.sections[title][name]
        return ""

    def markdown(self) -> str:
        """The text, and each section as a list; indented blocks after `::` become Python code."""
        parts = [fenced(self.text)]
        for title, entries in self.sections.items():
            lines = [f"- `{name}`: {text}" if name else f"- {text}" for name, text in entries.items()]
            parts.append("\n".join([f"{title}:", "", *lines]))
        return "\n\n".join(part for part in parts if part)


def docstring_of(thing: Any) -> Docstring:
    """Take apart the docstring that a thing has itself; inherited ones are left to whom they belong."""
    own = thing.__dict__.get("__doc__") if isinstance(thing, type) else getattr(thing, "__doc__", None)
    return parse(inspect.cleandoc(own or ""))


def parse(text: str) -> Docstring:
    """Take a docstring apart."""
    kept: list[str] = []
    made = Docstring()
    section: dict[str, str] | None = None
    name = ""
    for line in text.splitlines():
        found = _SECTION.fullmatch(line)
        if found:
            section, name = made.sections.setdefault(found.group(1), {}), ""
        elif section is not None and line.startswith("    "):
            entry = _ENTRY.match(line.strip())
            if entry and not line.startswith("     ") and " " not in entry.group(1).strip("`"):
                name = entry.group(1).strip("`")
                section[name] = entry.group(2)
            else:
                section[name] = f"{section.get(name, '')} {line.strip()}".strip()
        elif section is None or line.strip():
            section = None
            kept.append(line)
    made.text = "\n".join(kept).strip()
    return made


def fenced(text: str) -> str:
    """Put the indented block that follows a line with `::` into a code fence."""
    lines: list[str] = []
    block: list[str] | None = None
    for line in text.splitlines():
        if block is not None and (line.startswith("    ") or not line.strip()):
            block.append(line)
            continue
        if block is not None:
            lines += _fence(block)
            block = None
        if line.endswith("::"):
            line, block = line[:-1], []
        lines.append(line)
    return "\n".join([*lines, *(_fence(block) if block else [])])


def _fence(block: list[str]) -> list[str]:
    code = inspect.cleandoc("\n".join(block)).splitlines()
    return ["", "```python", *code, "```"]
