"""A stage that calls functions in another environment."""

from __future__ import annotations

from edgesmith import Stage, StageFailed, Toolchain, UserError

from .kinds import Text


class Borrow(Stage):
    """Say which version of iniconfig the tool `old` has."""

    name, version = "borrow", "1"
    outputs = {"text": Text}

    class Params(Stage.Params):
        tool: str = "old"
        borrow: bool = True

    @classmethod
    def tools(cls, params, kinds):
        return {"old": Toolchain(("iniconfig<2",), exclude_newer="2026-11-15")} if params.borrow else {}

    def run(self, ctx, inputs, params):
        told = ctx.tool(params.tool).call(look, package="iniconfig")
        (ctx.out("text") / "text.txt").write_text(told["version"])
        return told


def look(package):
    """What `Borrow` calls."""
    import logging
    import sys
    from importlib.metadata import version

    print("printed")
    logging.getLogger("edgesmith.tool").info("looking for %s", package)
    return {"version": version(package), "python": sys.executable}


def trip(how):
    """Go wrong."""
    import os
    import shutil
    import sys

    if how == "user":
        raise UserError("no such thing", hint="try another")
    if how == "stage":
        raise StageFailed("it did not work")
    if how == "bug":
        return 1 / 0
    if how == "exit":
        print("the last words", flush=True)
        sys.exit(3)
    if how == "kill":
        os.kill(os.getpid(), 9)
    if how == "no json":
        return {1, 2}
    return shutil.which("python")
