"""Nights: one verdict each, kept line by line, so that the experiment goes on where it stopped."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgesmith_flows.nightly.latency import LatencyRule, judge
from edgesmith_flows.nightly.paired import Pair


def nights(
    file: Path, kind: str, count: int, measure: Callable[[random.Random], Pair], rule: LatencyRule
) -> Iterator[dict[str, Any]]:
    """Yield the verdicts of `count` nights of one kind; those that the file has are not taken again."""
    done = [one for one in read(file) if one["kind"] == kind]
    yield from done[:count]
    for night in range(len(done), count):
        chance = random.Random(f"{kind} {night}")
        pairs: list[Pair] = []

        def one(chance: random.Random = chance, pairs: list[Pair] = pairs) -> Pair:
            pairs.append(measure(chance))
            return pairs[-1]

        begun = time.monotonic()
        verdict = judge(one, rule)
        row = {
            "kind": kind,
            "night": night,
            "outcome": verdict.outcome,
            "memory": verdict.memory_outcome,
            "tests": [asdict(test) for test in verdict.tests],
            "pairs": [asdict(pair) for pair in pairs],
            "seconds": round(time.monotonic() - begun, 1),
            "load": round(os.getloadavg()[0], 1),
        }
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        yield row


def read(file: Path) -> list[dict[str, Any]]:
    """Return the nights that a file has."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
