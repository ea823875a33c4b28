"""The stage `write`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edgesmith import Stage

from .kinds import Text


class Write(Stage):
    """Write a text."""

    name, version = "write", "1"
    outputs = {"text": Text}

    class Params(Stage.Params):
        elsewhere: ClassVar = {"volume": "how loud is for `shout`"}

        text: str = "hello"
        copies: int = Field(default=1, ge=1, le=100)

    def run(self, ctx, inputs, params):
        from .spelling import spelled

        text = spelled(params.text * params.copies)
        (ctx.out("text") / "text.txt").write_text(text)
        ctx.log.info("wrote %d letters", len(text))
        ctx.progress(1, 1, letters=len(text))
        return {"letters": len(text), "seed": ctx.seed}
