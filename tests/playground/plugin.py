"""The plugin itself."""

from __future__ import annotations

from edgesmith import hookimpl

from .borrow import Borrow
from .datasets import Words
from .exhibits import Assay, Exhibit
from .kinds import Essay, Sign, Text
from .mischief import Flaky, Flood, Mischief
from .nets import Nets
from .rehearse import Rehearse
from .runtime import SignRuntime
from .shout import Shout
from .stages import Build, Demand, Gather, Pair, Quote, Split, Tally
from .target import Desk, Shelf
from .tinker import Tinker
from .write import Write


@hookimpl
def edgesmith_artifact_kinds():
    return [Text, Essay, Sign]


@hookimpl
def edgesmith_stages():
    return [
        *(Write, Shout, Gather, Pair, Split, Quote, Build, Tally, Demand),
        *(Borrow, Mischief, Flaky, Flood, Assay, Exhibit, Rehearse, Tinker),
    ]


@hookimpl
def edgesmith_runtimes():
    return [SignRuntime]


@hookimpl
def edgesmith_targets():
    return [Desk, Shelf]


@hookimpl
def edgesmith_model_sources():
    return [Nets]


@hookimpl
def edgesmith_datasets():
    return [Words]
