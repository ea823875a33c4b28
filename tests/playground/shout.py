"""The stage `shout`."""

from __future__ import annotations

from edgesmith import Stage

from .kinds import Text


class Shout(Stage):
    """Repeat a text in capitals."""

    name, version = "shout", "1"
    inputs = {"text": Text}
    outputs = {"text": Text}

    class Params(Stage.Params):
        marks: int = 1

    def run(self, ctx, inputs, params):
        from .volume import loud

        (ctx.out("text") / "text.txt").write_text(loud(inputs["text"].read(), params.marks))
        return {"marks": params.marks}
