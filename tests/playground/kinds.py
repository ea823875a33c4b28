"""Artifact kinds: a text, a kind of text, and a model."""

from __future__ import annotations

from dataclasses import dataclass

from edgesmith import Artifact, Model


@dataclass(frozen=True)
class Text(Artifact):
    """One text file."""

    kind = "text"

    def read(self):
        return (self.path / "text.txt").read_text()


@dataclass(frozen=True)
class Essay(Text):
    """A text that is longer: fits wherever a text does."""

    kind = "essay"


@dataclass(frozen=True)
class Sign(Model):
    """A model that multiplies mean brightness by one number."""

    kind, main = "sign", "factor.txt"
