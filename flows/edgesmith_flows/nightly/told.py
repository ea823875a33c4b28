"""A night in words: lines for a terminal, Markdown for Prefect's UI."""

from __future__ import annotations

from collections.abc import Iterator

from edgesmith_flows.nightly.night import Night, PipelineNight
from edgesmith_flows.nightly.verdict import Verdict

_TELLS = ("regressed", "unsure", "improved", "changed")


def lines(night: Night) -> Iterator[str]:
    """Yield a night's verdicts, regressions first."""
    for one in night.pipelines:
        yield f"{one.pipeline}: {_head(one)}"
        for verdict in _sorted(one):
            values = f"{verdict.before} -> {verdict.after}" if verdict.before else verdict.after
            parts = [
                verdict.outcome.upper() if verdict.outcome == "regressed" else verdict.outcome,
                verdict.what,
                values,
            ]
            detail = f"({verdict.detail})" if verdict.detail else ""
            yield "  " + "  ".join(part for part in (*parts, detail) if part)
            if verdict.since:
                yield f"    since {verdict.since}"
    yield verdict_of(night)


def verdict_of(night: Night) -> str:
    """Return the last word, on one line."""
    count = len(night.regressions)
    looked = sum(len(one.verdicts) for one in night.pipelines)
    if count:
        first = night.regressions[0]
        more = f" and {count - 1} more" if count > 1 else ""
        return f"{night.nightly}: {count} regression{'s' if count > 1 else ''}: {first[0]}: {first[1].what}{more}"
    bare = [one.pipeline for one in night.pipelines if not one.baseline]
    without = f"; no baseline yet for {', '.join(bare)}" if bare else ""
    return f"{night.nightly}: nothing got worse, {looked} things looked at{without}"


def markdown(night: Night) -> str:
    """Return a night as Markdown: the last word, then a table a pipeline."""
    out = [f"**{verdict_of(night)}**"]
    for one in night.pipelines:
        out += ["", f"### {one.pipeline}", "", _head(one)]
        told = _sorted(one)
        if told:
            out += [
                "",
                "| verdict | what | baseline | tonight | why | since |",
                "| --- | --- | --- | --- | --- | --- |",
            ]
            out += [_row(verdict) for verdict in told]
    return "\n".join(out) + "\n"


def _head(one: PipelineNight) -> str:
    counts = {outcome: sum(v.outcome == outcome for v in one.verdicts) for outcome in (*_TELLS, "same")}
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    against = f"against {one.baseline}" if one.baseline else "no baseline"
    return f"{told or 'nothing to look at'}; {one.run or 'no run'} {against}"


def _sorted(one: PipelineNight) -> list[Verdict]:
    told = [verdict for verdict in one.verdicts if verdict.outcome in _TELLS]
    return sorted(told, key=lambda verdict: _TELLS.index(verdict.outcome))


def _row(verdict: Verdict) -> str:
    mark = f"**{verdict.outcome}**" if verdict.outcome == "regressed" else verdict.outcome
    cells = [mark, f"`{verdict.what}`", verdict.before, verdict.after, verdict.detail, verdict.since]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
