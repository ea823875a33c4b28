"""Choose among whole forms and mixtures of them: the smallest that loses little enough, or the best that fits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from edgesmith_stages.quantize.assignment import MIXED, UNTOUCHED, Assignment
from edgesmith_stages.quantize.coreml.allocation import Path, Table, total_bytes
from edgesmith_stages.quantize.search import HURTS

Forms = Mapping[str, str]
"""By operation; float ones too."""


@dataclass(frozen=True)
class Mixture:
    """A form for each operation, and what is known of it.

    Attributes:
        label: in words.
        forms: by operation.
        weight_bytes: of all weights, as they are in the file.
        sqnr_db: of the logits, against the float package.
        drop: top-1 lost, or without labels the share of answers that differ; None as long as nobody asked.
        images: how many images the drop was measured on.
        bytes: of the package; None as long as none was written.
    """

    label: str
    forms: Forms
    weight_bytes: int
    sqnr_db: float
    drop: float | None = None
    images: int = 0
    bytes: int | None = None

    def assignment(self) -> Assignment:
        """As `quantize` takes it: a scheme where all weights have one form."""
        used = set(self.forms.values())
        if len(used) == 1:
            return Assignment("coreml", used.pop())
        keep = {name: HURTS for name, form in self.forms.items() if form == UNTOUCHED}
        forms = {name: form for name, form in self.forms.items() if name not in keep}
        return Assignment("coreml", MIXED, keep=keep, forms=forms)


@dataclass
class Mixing:
    """The search.

    Attributes:
        table: what each operation's weights cost in each form.
        measure: returns the SQNR of a mixture's logits.
        score: returns a mixture's drop, and on how many images it was measured.
        max_drop: what may be lost.
        tried: mixtures that were measured, in order.
    """

    table: Table
    measure: Callable[[Forms], float]
    score: Callable[[Forms], tuple[float, int]]
    max_drop: float
    tried: list[Mixture] = field(default_factory=list)

    def smallest(self) -> None:
        """Score whole forms from the smallest on until one holds, then look for a smaller mixture by halving.

        Along the path of best mixtures weights take ever more bytes, and make ever less noise: of those that are
        smaller than the whole form, the first that holds is looked for, as if the drop never rose on the way.
        """
        best = None
        for one in sorted(self.tried, key=lambda one: one.weight_bytes):
            if self._holds(one):
                best = one
                break
        path = Path.of(self.table)
        most = len(path) if best is None else bisect_left(range(len(path)), best.weight_bytes, key=path.bytes)
        bisect_left(range(most), True, key=lambda count: self._holds(self._on(path, count)))

    def most_exact(self, weight_bytes: int | None) -> None:
        """Score all whole forms, and the best mixture of so many bytes of weights, where there is a limit."""
        path = Path.of(self.table)
        if weight_bytes is not None:
            count = bisect_right(range(len(path)), weight_bytes, key=path.bytes) - 1
            if count >= 0:
                self._on(path, count)
        for one in tuple(self.tried):
            self.scored(one)

    def ordered(self, prefer: Literal["bytes", "drop"]) -> list[Mixture]:
        """Return the mixtures that hold, the best one first."""
        holding = [one for one in self.tried if one.drop is not None and self._holds(one)]
        if prefer == "bytes":
            return sorted(holding, key=lambda one: (one.weight_bytes, -one.sqnr_db))
        return sorted(holding, key=lambda one: (one.drop or 0.0, -one.sqnr_db, one.weight_bytes))

    def add(self, label: str, forms: Forms) -> Mixture:
        """Measure a mixture, unless it was."""
        for known in self.tried:
            if known.forms == forms:
                return known
        made = Mixture(label, forms, total_bytes(self.table, forms), self.measure(forms))
        self.tried.append(made)
        return made

    def scored(self, mixture: Mixture) -> Mixture:
        """Score a mixture, unless it was."""
        if mixture.drop is not None:
            return mixture
        drop, images = self.score(mixture.forms)
        return self.note(mixture, drop=drop, images=images)

    def note(self, mixture: Mixture, **known: float) -> Mixture:
        """Write down what a mixture turned out to be; return it."""
        made = replace(mixture, **known)  # type: ignore[arg-type]
        self.tried[self.tried.index(mixture)] = made
        return made

    def _on(self, path: Path, count: int) -> Mixture:
        return self.add(f"mixture {count} of {len(path)}", path.at(count))

    def _holds(self, mixture: Mixture) -> bool:
        drop = self.scored(mixture).drop
        return drop is not None and drop <= self.max_drop + 1e-9
