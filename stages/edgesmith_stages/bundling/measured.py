"""What reports say of one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgesmith import Model, Report, UserError

_NOT_FIGURES = frozenset({"models", "digests", "sections"})


@dataclass(frozen=True)
class Measured:
    """A report's figures of a model.

    Attributes:
        digest: the report's.
        setting: what was measured on, by name.
        figures: by name, as measured.
    """

    digest: str
    setting: Mapping[str, Any]
    figures: Mapping[str, Any]


def measured(reports: Sequence[Report], model: Model) -> list[Measured]:
    """Return what the reports say of a model.

    Raises:
        UserError: one of them is about other models, or doesn't say about which.
    """
    return [_of(report, model) for report in reports]


def _of(report: Report, model: Model) -> Measured:
    document = report.read()
    digests, rows = document.get("digests"), document.get("models")
    if not isinstance(digests, list) or not isinstance(rows, list) or len(digests) != len(rows):
        raise UserError(
            "a report for the model card doesn't say which models it is about",
            hint="connect a node that uses `evaluate` or `benchmark` to `reports`",
        )
    if not model.digest or model.digest not in digests:
        raise UserError(
            "a report for the model card is about other models, not the one that is bundled",
            hint="list the model's node under the `models` of that `evaluate` or `benchmark` too",
        )
    row = rows[digests.index(model.digest)]
    setting = {name: value for name, value in document.items() if name not in _NOT_FIGURES and _scalar(value)}
    return Measured(report.digest, setting, dict(_flat(row)))


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield a row's figures; those of a mapping inside with both names: `facts.delegate`."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", one) for inner, one in value.items() if _scalar(one))
        elif _scalar(value):
            yield name, value


def shown(value: Any) -> str:
    """Return a figure as text, with at most six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float))
