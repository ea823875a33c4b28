"""`edgesmith report`: a page about a run, and the same figures for programs."""

from __future__ import annotations

from pathlib import Path

import click

from edgesmith_flows.cli.completions import complete_runs
from edgesmith_flows.cli.options import store_option


@click.command("report", short_help="Write a page about a run.")
@click.argument("run", required=False, shell_complete=complete_runs)
@click.option(
    "--out", metavar="FILE", help="The page [default: PIPELINE-report.html, unless another file is asked for]."
)
@click.option("--json", "json_file", metavar="FILE", help="All figures as JSON.")
@click.option("--csv", "csv_file", metavar="FILE", help="The results table as CSV.")
@click.option("--junit", "junit_file", metavar="FILE", help="Gates and nodes as JUnit test cases, for CI.")
@click.option(
    "--diff", "diffs", multiple=True, metavar="FILE", help="Show a comparison that `edgesmith diff --json` wrote."
)
@store_option
def command(
    run: str | None,
    out: str | None,
    json_file: str | None,
    csv_file: str | None,
    junit_file: str | None,
    diffs: tuple[str, ...],
    store: str | None,
) -> None:
    """Write one HTML file about RUN, without network: verdict, trade-offs, results, graph, curves, mistakes, origin.

    RUN is a pipeline, whose newest run is meant, or a run's name, its start, or a baseline; the newest run by default.
    One FILE may be `-`, for standard output.
    """
    from edgesmith_flows.report.diffs import with_diff
    from edgesmith_flows.report.facts import find_run, gather
    from edgesmith_flows.settings import load_settings
    from edgesmith_flows.store import Store

    files = [file for file in (out, json_file, csv_file, junit_file) if file]
    if files.count("-") > 1:
        raise click.UsageError("only one of --out, --json, --csv and --junit can be `-`, standard output")
    opened = Store.open(load_settings(store).store)
    facts = gather(opened, find_run(opened, run))
    for diff in diffs:
        facts = with_diff(facts, Path(diff))
    if not files:
        out = f"{facts.pipeline}-report.html"
    # Who reads standard output wants that one document, and nothing else in it.
    aside = "-" in files
    if out:
        from edgesmith_flows.report.page import page

        _write(out, page(facts), aside)
    if json_file or csv_file:
        from edgesmith_flows.report.tables import as_csv, as_json

        for file, form in ((json_file, as_json), (csv_file, as_csv)):
            if file:
                _write(file, form(facts), aside)
    if junit_file:
        from edgesmith_flows.report.junit import as_junit

        _write(junit_file, as_junit(facts), aside)


def _write(file: str, text: str, aside: bool) -> None:
    """Write a file, and say where, on standard error if `aside`; or to standard output, and say nothing."""
    from edgesmith.errors import UserError

    if file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{file} can't be written: {error.strerror or error}") from error
    click.echo(f"{file}: {len(text.encode()):,} bytes", err=aside)
