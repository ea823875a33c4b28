"""`edgesmith completion`: what a shell needs to complete commands, options, and names of pipelines, nodes and runs."""

from __future__ import annotations

import click

VARIABLE = "_EDGESMITH_COMPLETE"
"""What click looks at to see that a shell asks."""


@click.command("completion", short_help="Write a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Write the completion script of SHELL.

    \b
    bash: edgesmith completion bash > ~/.local/share/bash-completion/completions/edgesmith
    zsh:  edgesmith completion zsh > ~/.zfunc/_edgesmith   (with fpath+=~/.zfunc before compinit)
    fish: edgesmith completion fish > ~/.config/fish/completions/edgesmith.fish
    """
    from click.shell_completion import get_completion_class

    from edgesmith_flows.cli.main import cli

    writer = get_completion_class(shell)
    assert writer is not None
    click.echo(writer(cli, {}, "edgesmith", VARIABLE).source())
