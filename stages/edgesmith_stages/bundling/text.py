"""Texts of users inside of sources: string literals, identifiers, Markdown."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[A-Za-z0-9]+")
_INLINE = re.compile(r"([\\`*_\[\]#!|~$])")
_BLOCK = re.compile(r"^(\d*)([-+](?!\d)|[.)](?= |$))")
"""What starts a list or draws a rule, where a text begins with it."""

PACKAGE = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"
_WORDS = """
as break class continue do else false for fun if in interface is null object package return super this throw true try
typealias typeof val var when while
"""
KOTLIN_WORDS = frozenset(_WORDS.split())
"""Kotlin's hard keywords, which no part of a package's name may be."""


def identifier(name: str) -> str:
    """Return a name as a type's name in Swift and Kotlin, of ASCII letters and digits: `mobilevit-xxs` MobilevitXxs."""
    joined = "".join(word[0].upper() + word[1:] for word in _WORD.findall(name))
    return joined if joined[:1].isalpha() else f"Model{joined}"


def one_line(text: str) -> str:
    """Return a text with a space for each of its line breaks, of any kind."""
    return " ".join(text.splitlines())


def swift(text: str) -> str:
    """Return a Swift string literal."""
    return '"' + "".join(char if _plain(char) else f"\\u{{{ord(char):x}}}" for char in text) + '"'


def kotlin(text: str) -> str:
    """Return a Kotlin string literal; what lies beyond 16 bits is written as its two UTF-16 units."""
    return '"' + "".join(char if _plain(char) else _utf16(char) for char in text) + '"'


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, with single spaces."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _BLOCK.sub(r"\1\\\2", _INLINE.sub(r"\\\1", line))


def _plain(char: str) -> bool:
    """Tell whether a character means itself in a literal: no quote, escape, template or invisible character."""
    return char not in '\\"$' and (" " <= char <= "~" or unicodedata.category(char) in ("Ll", "Lu", "Lo", "Nd"))


def _utf16(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
