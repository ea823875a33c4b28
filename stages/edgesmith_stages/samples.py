"""Single measurements, as a section of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgesmith.sections import Input, Sample, Samples

MOST = 512
"""Measurements of a model that are kept; of more, evenly spaced ones."""


def sections(port: str, times: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Return the latencies of models, in milliseconds and in the order taken, as a report's sections.

    Args:
        port: the input port that the models come from.
        times: by index there, nanoseconds; what is no list of them (a device's tool summed them up) is left out.
    """
    samples = tuple(
        Sample(of=Input(port=port, index=index), values=tuple(round(one / 1e6, 4) for one in thinned(taken)))
        for index, taken in sorted(times.items())
        if isinstance(taken, list) and taken
    )
    return [Samples(title="latency", unit="ms", samples=samples).document()] if samples else []


def thinned(values: Sequence[int]) -> Sequence[int]:
    """Return at most `MOST` of the values, evenly spaced."""
    return values[:: -(-len(values) // MOST)]
