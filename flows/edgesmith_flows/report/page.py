"""The page: one HTML file that needs no network and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from edgesmith_flows.report.facts import Facts
from edgesmith_flows.report.views import View, view

_TEMPLATES = ("edgesmith_flows.report", "templates")


def page(facts: Facts) -> str:
    """Return a run's page: the same bytes for the same run.

    Texts of the run are escaped, and a content security policy refuses scripts, styles and requests that a text might
    still bring in.
    """
    return render(view(facts))


def render(shown: View) -> str:
    """Write a view as HTML."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_text),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = _text("page.css"), _text("page.js")
    return environment.get_template("page.html.j2").render(
        v=shown, facts=shown.facts, style=style, script=script, policy=_policy(style, script)
    )


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _text(name: str) -> str:
    package, folder = _TEMPLATES
    return resources.files(package).joinpath(folder, name).read_text(encoding="utf-8")
