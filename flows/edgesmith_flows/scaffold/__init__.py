"""Write a new plugin: a distribution that installs, passes its contract tests and runs in a pipeline.

The templates beside this file are the files of a plugin. In them `{{word}}` stands for one of `words`; what is between
a line with `[[if part part]]` and one with `[[end]]` is for plugins with one of these parts (`no-part`: without it).
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path

from edgesmith import CONTRACT
from edgesmith.errors import UserError
from edgesmith_flows.registry import Registry

PARTS = ("stage", "runtime", "target", "dataset")
"""What a new plugin may bring."""

TEMPLATES = Path(__file__).parent / "plugin"
_SUFFIX = ".tmpl"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FILES: Mapping[str, tuple[str, ...]] = {
    "src/package/rounding.py": ("stage",),
    "src/package/model.py": ("runtime",),
    "src/package/compiler.py": ("runtime",),
    "src/package/runtime.py": ("runtime",),
    "src/package/target.py": ("target",),
    "src/package/dataset.py": ("dataset",),
    "tests/conftest.py": ("stage", "runtime", "target"),
    "tests/test_rounding.py": ("stage",),
    "tests/test_compiler.py": ("runtime",),
    "tests/test_runtime.py": ("runtime",),
    "tests/test_target.py": ("target",),
    "tests/test_dataset.py": ("dataset",),
}
"""Files that not every plugin has, with the parts that need them."""


_BRINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "stage": (("stages", "{}-round"),),
    "runtime": (("kinds", "{}"), ("stages", "{}-compile"), ("runtimes", "{}")),
    "target": (("targets", "{}"),),
    "dataset": (("datasets", "{}"),),
}
"""What each part brings: its table in the registry, and how it is named after the plugin."""


def check_free(name: str, parts: Collection[str], registry: Registry) -> None:
    """Raise UserError if a name that follows from the plugin's is taken, or if it can't name a plugin."""
    slug = words(name, parts)["slug"]
    for table, form in (one for part in parts for one in _BRINGS[part]):
        brought = form.format(slug)
        if brought in getattr(registry, table):
            origin = registry.origins.get((table, brought), "edgesmith")
            what = table.removesuffix("s")
            raise UserError(f"the {what} {brought!r} is there already, by {origin}", hint="choose another name")


def write_plugin(name: str, parts: Collection[str], into: Path) -> Path:
    """Write a plugin's distribution into a folder of its own; return that folder.

    Args:
        name: `acme`, or `edgesmith-acme`.
        parts: some of `PARTS`.
        into: where the folder is made.

    Raises:
        UserError: the name can't be used, the folder is there already, or can't be made.
    """
    named = words(name, parts)
    folder = into / named["distribution"]
    try:
        if folder.exists():
            raise UserError(f"{folder} exists already", hint="choose another name, or another folder with --into")
        _write(folder, named, parts)
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"{folder} can't be written: {why}", hint="choose another folder with --into") from error
    return folder


def _write(folder: Path, named: Mapping[str, str], parts: Collection[str]) -> None:
    """Write the files beside the folder's place, and move them there at the end: all or nothing."""
    into = folder.parent
    into.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".new-", dir=into))
    try:
        for source in sorted(TEMPLATES.rglob(f"*{_SUFFIX}")):
            place = source.relative_to(TEMPLATES).as_posix().removesuffix(_SUFFIX)
            if not set(_FILES.get(place, parts)) & set(parts):
                continue
            file = staged / place.replace("src/package", f"src/{named['package']}").replace("slug", named["slug"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(filled(source.read_text(encoding="utf-8"), named, parts), encoding="utf-8")
        staged.chmod(0o755)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def words(name: str, parts: Collection[str]) -> dict[str, str]:
    """Return the names that follow from a plugin's name.

    Raises:
        UserError: it is no name for a distribution, or is taken by an installed package.
    """
    slug = name.removeprefix("edgesmith-")
    if not _NAME.fullmatch(slug) or len(slug) > 40:
        raise UserError(
            f"{name!r} can't name a plugin: expected lower-case letters and digits, with single hyphens between them",
            hint="for example `edgesmith new plugin acme-compiler`",
        )
    package = f"edgesmith_{slug.replace('-', '_')}"
    if slug == "edgesmith" or keyword.iskeyword(slug) or importlib.util.find_spec(package) is not None:
        raise UserError(f"the name {name!r} is taken: there is a package {package} here", hint="choose another name")
    title = "".join(part.capitalize() for part in slug.split("-"))
    models = ["onnx", *(["rounded"] if "stage" in parts else []), *(["compiled"] if "runtime" in parts else [])]
    stages = [*([f"{title}Round"] if "stage" in parts else []), *([f"{title}Compile"] if "runtime" in parts else [])]
    return {
        "slug": slug,
        "distribution": f"edgesmith-{slug}",
        "package": package,
        "Name": title,
        "contract": str(CONTRACT),
        "edgesmith": metadata.version("edgesmith"),
        "models": ", ".join(models),
        "stages": ", ".join(stages),
        "brings": _listed([part for part in PARTS if part in parts]),
    }


def filled(text: str, named: Mapping[str, str], parts: Collection[str]) -> str:
    """Fill a template: keep the blocks that `parts` ask for, and put the words in."""
    lines, keep = [], True
    for line in text.splitlines(keepends=True):
        asked = re.search(r"\[\[if ([a-z -]+)\]\]", line)
        if asked:
            wanted = asked.group(1).split()
            keep = any((one.removeprefix("no-") in parts) != one.startswith("no-") for one in wanted)
        elif "[[end]]" in line:
            keep = True
        elif keep:
            lines.append(line)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: named[found.group(1)], "".join(lines))


def _listed(parts: list[str]) -> str:
    named = [f"a {part}" for part in parts]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
