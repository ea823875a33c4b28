"""Figures by name: `bench.top1["tflite-int8"]`, as gates write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from edgesmith.errors import UserError, nearest

Value = float | str
"""A figure: a number (true and false are 1 and 0), or a short text such as a status."""

_LONGEST = 200
_SHOWN = 12


class Metric(NamedTuple):
    """One figure's name.

    Attributes:
        node: the node that gave it; a combination of a matrix is `base@combination`.
        of: what it is of: the input node, for figures given per input, else empty.
    """

    node: str
    figure: str
    of: str = ""

    def __str__(self) -> str:
        base, at, combination = self.node.partition("@")
        place = f'{base}["{combination}"]' if at else base
        return f'{place}.{self.figure}["{self.of}"]' if self.of else f"{place}.{self.figure}"


def flatten(
    node: str, figures: Mapping[str, Any], needs: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Metric, Value]]:
    """Yield a node's figures one by one; lists, and what is nested deeper than one level, are left out.

    Args:
        figures: what the stage returned.
        needs: by input port, the nodes connected; a list with one mapping for each of them is a figure per input.
    """
    for name, value in figures.items():
        if isinstance(value, Mapping):
            for of, inner in value.items():
                yield from _one(Metric(node, name, str(of)), inner)
        elif isinstance(value, list) and name in needs and len(value) == len(needs[name]):
            for need, row in zip(needs[name], value, strict=True):
                if isinstance(row, Mapping):
                    for figure, inner in row.items():
                        yield from _one(Metric(node, str(figure), need), inner)
        else:
            yield from _one(Metric(node, name), value)


def _one(metric: Metric, value: Any) -> Iterator[tuple[Metric, Value]]:
    if isinstance(value, (bool, int, float)):
        yield metric, float(value)
    elif isinstance(value, str) and len(value) <= _LONGEST:
        yield metric, value


def find_metric(text: str, known: Iterable[Metric]) -> Metric:
    """Return the metric that `text` names, in any spelling that a gate takes.

    Raises:
        UserError: there is none; with the nearest, and those of the same node or figure.
    """
    by_name = {str(metric): metric for metric in known}
    wanted = text.strip().replace("'", '"').replace(" ", "")
    if wanted in by_name:
        return by_name[wanted]
    plain = {_plain(name): metric for name, metric in by_name.items()}
    if _plain(wanted) in plain:
        return plain[_plain(wanted)]
    if not by_name:
        raise UserError("the store knows no figure yet", hint="`edgesmith run PIPELINE` makes some")
    close = nearest(wanted, by_name)
    alike = [name for name in sorted(by_name) if _shares(wanted, by_name[name])] or sorted(by_name)
    more = f", and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    guess = f"; did you mean {close}?" if close else ""
    raise UserError(
        f"no run has the figure {text!r}{guess} (known: {', '.join(alike[:_SHOWN])}{more})",
        hint="`edgesmith history` without a name lists all",
    )


def _plain(name: str) -> str:
    """In gates a node's `-` may be written `_`."""
    return name.replace("-", "_").replace('"', "")


def _shares(text: str, metric: Metric) -> bool:
    node, _, figure = text.partition(".")
    return node.split("[")[0] == metric.node.split("@")[0] or figure.split("[")[0] == metric.figure
