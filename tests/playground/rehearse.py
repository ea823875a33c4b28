"""The stage `rehearse`."""

from __future__ import annotations

from edgesmith import PipelineRef, Stage, decided

from .kinds import Text


class Rehearse(Stage):
    """Run a pipeline with one text after another, and keep what a node of it gave last."""

    name, version = "rehearse", "1"
    outputs = {"text": decided(Text)}

    class Params(Stage.Params):
        pipeline: PipelineRef
        texts: tuple[str, ...]
        param: str = "text"
        ask: str = "a.letters"
        keep: str | None = None

    @classmethod
    def variants(cls, params):
        return [{params.param: text} for text in params.texts]

    @classmethod
    def gives(cls, params, kinds, pipelines):
        (view, *_) = pipelines["pipeline"]
        view.check_expression(params.ask)
        return {"text": view.gives[params.keep]["text"]} if params.keep else {}

    def run(self, ctx, inputs, params):
        found = []
        for done, text in enumerate(params.texts, 1):
            run = ctx.pipeline(params.pipeline, {params.param: text}, ask=[params.ask])
            found.append(run)
            ctx.progress(done, len(params.texts))
        if params.keep:
            artifact = found[-1].artifacts[params.keep]["text"]
            (ctx.out("text") / "text.txt").write_text(artifact.read())
        return {
            "values": [run.values[0] for run in found],
            "reasons": [list(run.reasons.values()) for run in found],
            "failed": [list(run.failed) for run in found],
            "missed": [list(run.missed) for run in found],
            "made": [run.made for run in found],
        }
