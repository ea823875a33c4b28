"""The `edgesmith` command. Subcommands are imported when they are called, so that `--help` stays quick."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edgesmith.errors import EdgesmithError, unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("edgesmith_flows.cli.run", "Run a pipeline: make what is not in the store."),
    "list": ("edgesmith_flows.cli.list", "List the pipelines that can be run by name."),
    "show": ("edgesmith_flows.cli.show", "Show a pipeline's graph, as text and Mermaid."),
    "stages": ("edgesmith_flows.cli.stages", "List the installed stages, their ports and params."),
    "plugins": ("edgesmith_flows.cli.plugins", "List plugins, what they bring, and why some failed."),
    "explain": ("edgesmith_flows.cli.explain", "Say why a node is cached, or runs."),
    "report": ("edgesmith_flows.cli.report", "Write a page about a run, and its figures for programs."),
    "diff": ("edgesmith_flows.cli.diff", "Show layer by layer where two models part."),
    "get": ("edgesmith_flows.cli.get", "Copy what nodes made out of the store."),
    "cache": ("edgesmith_flows.cli.cache", "Look into the store, share it, make room in it."),
    "toolchain": ("edgesmith_flows.cli.toolchain", "List, build, check and remove isolated environments."),
    "deploy": ("edgesmith_flows.cli.deploy", "Deploy pipelines to a Prefect server."),
    "serve": ("edgesmith_flows.cli.serve", "Serve pipelines from this process."),
    "history": ("edgesmith_flows.cli.history", "Show a figure over time."),
    "compare": ("edgesmith_flows.cli.compare", "Compare two runs, figure by figure."),
    "bisect": ("edgesmith_flows.cli.bisect", "Find the change that brought a figure."),
    "nightly": ("edgesmith_flows.cli.nightly", "Run pipelines and hold them against a baseline."),
    "baseline": ("edgesmith_flows.cli.baseline", "Keep a run's results by name."),
    "new": ("edgesmith_flows.cli.new", "Write the files of a new plugin."),
    "doctor": ("edgesmith_flows.cli.doctor", "Look at what a run needs, and say what is broken."),
    "schema": ("edgesmith_flows.cli.schema", "Write the JSON Schema of pipeline files, for editors."),
    "completion": ("edgesmith_flows.cli.completion", "Write a shell's completion script."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' one-line help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and return its `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands with their one-line help, none of them imported, and the options."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or say which name is nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(unknown("command", args[0], COMMANDS))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edgesmith", prog_name="edgesmith")
def cli() -> None:
    """Take a vision model to phones and boards: one YAML file in, verified and measured models out."""


def main() -> None:
    """Run the command line; the one place that turns errors into messages and exit codes.

    Exit codes: 0; 1 for a user's error or a failed gate; 3 for a bug (with a log file); 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character of a user's file gets its number instead of a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
        # Without standalone mode click returns the code of `ctx.exit` where other calls return the command's value.
        if isinstance(code, int) and code:
            sys.exit(code)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except EdgesmithError as error:
        report(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        import traceback

        click.echo(f"error: a bug in edgesmith: {type(error).__name__}: {error}", err=True)
        click.echo(keep_trace(traceback.format_exc()), err=True)
        sys.exit(3)


def report(error: EdgesmithError, node: str | None = None) -> None:
    """Print a handled error, and where the traceback of a bug was kept."""
    click.echo(f"error: {node + ': ' if node else ''}{error}", err=True)
    trace = getattr(error, "trace", "")
    if trace:
        click.echo(keep_trace(trace), err=True)


def keep_trace(trace: str) -> str:
    """Write a traceback to a file and say where it is."""
    import tempfile

    with tempfile.NamedTemporaryFile(
        "w", prefix="edgesmith-error-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.write(trace)
    return f"  the details are in {file.name}; please attach it to a bug report"


if __name__ == "__main__":
    main()
