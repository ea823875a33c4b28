"""Where things are: the store, the pipelines that ship, the project's own pipelines and plugins."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgesmith.errors import UserError, unknown

STORE_VARIABLE = "EDGESMITH_STORE"
REMOTE_VARIABLE = "EDGESMITH_REMOTE"
REPORTS_VARIABLE = "EDGESMITH_REPORTS_URL"
"""Where somebody serves the folder `reports` of the store; flow runs write their pages there and link to them."""


@dataclass(frozen=True)
class Settings:
    """Settings of one call.

    Attributes:
        store: the store's folder: `--store`, EDGESMITH_STORE, or `.edgesmith` in the working directory.
        remote: the URL of the shared store: `--remote`, EDGESMITH_REMOTE, or `[tool.edgesmith] remote`.
        plugins: local plugin modules named by `[tool.edgesmith] plugins` in the working directory's pyproject.toml.
    """

    store: Path
    plugins: tuple[str, ...] = ()
    remote: str | None = None


def load_settings(store: str | None = None, remote: str | None = None) -> Settings:
    """Read settings from the command line's values, the environment and pyproject.toml."""
    given = store or os.environ.get(STORE_VARIABLE) or ".edgesmith"
    table = _table(Path("pyproject.toml"))
    plugins = table.get("plugins", [])
    if not isinstance(plugins, list) or not all(isinstance(one, str) for one in plugins):
        raise UserError(f"pyproject.toml: tool.edgesmith.plugins: expected a list of module names, got {plugins!r}")
    shared = remote or os.environ.get(REMOTE_VARIABLE) or table.get("remote")
    if shared is not None and not isinstance(shared, str):
        raise UserError(f"pyproject.toml: tool.edgesmith.remote: expected a URL, got {shared!r}")
    return Settings(Path(given).expanduser().absolute(), tuple(plugins), shared)


def worker_store() -> Path:
    """Return the store of a machine that makes nodes for others: EDGESMITH_STORE, or one in the user's cache folder.

    The folder that a Prefect worker gives a flow run is gone after it.
    """
    given = os.environ.get(STORE_VARIABLE)
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("edgesmith") / "store"


def _table(file: Path) -> dict[str, Any]:
    """Return `[tool.edgesmith]` of a pyproject.toml, empty where there is none."""
    if not file.is_file():
        return {}
    import tomllib

    try:
        found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    for name in ("tool", "edgesmith"):
        found = found.get(name, {})
        if not isinstance(found, dict):
            raise UserError(f"{file}: {name}: expected a table, got {found!r}")
    return dict(found)


def pipeline_folders() -> Iterator[Path]:
    """Yield the folders in which a bare pipeline name is looked for, first come first served."""
    yield Path("pipelines")
    package = Path(__file__).parent
    yield package / "pipelines"
    yield package.parent.parent / "pipelines"


def find_pipeline(name: str) -> Path:
    """Return the file of a pipeline given as a bare name or as a path.

    Raises:
        UserError: there is none; the nearest known name is given.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if path.is_file():
            return path
        raise UserError(f"there is no pipeline file {name!r}")
    for folder in pipeline_folders():
        for suffix in (".yaml", ".yml"):
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    raise UserError(
        unknown("pipeline", name, known_pipelines()),
        hint="give the path of a YAML file, or see `edgesmith list`",
    )


def known_pipelines() -> dict[str, Path]:
    """Return the pipelines that a bare name finds, by name; hidden files (an editor's, for one) are none."""
    found: dict[str, Path] = {}
    for folder in pipeline_folders():
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            if file.is_file() and not file.name.startswith("."):
                found.setdefault(file.stem, file)
    return found
