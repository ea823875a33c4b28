"""Write the reference pages, or check that they are current."""

from __future__ import annotations

from pathlib import Path

import click

from edgesmith.errors import UserError
from edgesmith_flows.reference.pages import missing, pages
from edgesmith_flows.registry import load_registry

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a page is not current.")
@click.argument("folder", type=click.Path(path_type=Path), default=FOLDER)
def main(check: bool, folder: Path) -> None:
    """Write the reference pages into FOLDER."""
    stale = update(folder, check=check)
    for name in stale:
        click.echo(f"{name}: {'not current: run `python -m edgesmith_flows.reference`' if check else 'written'}")
    if check and stale:
        raise SystemExit(1)


def update(folder: Path, *, check: bool = False) -> list[str]:
    """Write the pages that are not current, unless `check`, and return their names.

    Raises:
        UserError: something has no description.
    """
    registry = load_registry()
    failed = [plugin.message for plugin in registry.plugins if plugin.error]
    undescribed = [f"{one} has no description" for one in missing(registry)]
    if failed or undescribed:
        raise UserError("\n  ".join(["the reference can't be written:", *failed, *undescribed]))
    wanted = pages(registry)
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}
    stale = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    for name in [] if check else stale:
        if name in wanted:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(wanted[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return stale


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error
