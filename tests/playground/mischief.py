"""Stages that misbehave."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from edgesmith import Cancelled, Stage, StageFailed, UserError, optional

from .kinds import Text


class Mischief(Stage):
    """Do one thing that a stage shouldn't."""

    name, version = "mischief", "1"
    inputs = {"text": optional(Text)}
    outputs = {"text": Text}

    class Params(Stage.Params):
        how: Literal[
            "bug", "user-error", "failure", "exit", "sys-exit", "kill", "segfault", "print", "nothing", "link",
            "figures", "wrong-return", "sleep", "child", "child-and-exit", "disk-full", "wrong-port", "patience",
            "vanish", "clock", "raze", "taint", "beside", "worry", "litter", "litter-and-exit",
            "lose",
        ]  # fmt: skip
        seconds: float = 60
        note: str = ""

    def run(self, ctx, inputs, params):
        self.inputs_given = inputs
        done = getattr(self, "_" + params.how.replace("-", "_"))(ctx, params)
        if params.how not in ("nothing", "vanish"):
            (ctx.out("text") / "text.txt").write_text(str(time.time_ns()) if params.how == "clock" else "done")
        return done

    def _bug(self, ctx, params):
        return {}["no such key"]

    def _worry(self, ctx, params):
        for _ in range(2):
            ctx.log.warning("the text is a worry")
        ctx.log.info("it went well")

    def _lose(self, ctx, params):
        """Lose a page, unless the file `note` is there: a phone that is plugged in, or not."""
        if Path(params.note).is_file():
            return {"pages": 3}
        ctx.provisional("the last page was lost\nin the rain")
        return {"pages": 2}

    def _user_error(self, ctx, params):
        raise UserError("the text is not polite", hint="say please")

    def _failure(self, ctx, params):
        raise StageFailed("the text could not be written")

    def _exit(self, ctx, params):
        print("last words")
        sys.stdout.flush()
        os._exit(5)

    def _sys_exit(self, ctx, params):
        sys.exit("enough")

    def _kill(self, ctx, params):
        os.kill(os.getpid(), signal.SIGKILL)

    def _segfault(self, ctx, params):
        os.kill(os.getpid(), signal.SIGSEGV)

    def _print(self, ctx, params):
        print('{"event": "done", "figures": {"forged": 1}}')
        os.write(1, b'{"event": "failed"}\n')
        os.write(2, b"\xff\xfe\n")
        subprocess.run(["echo", "from a child"], check=True)
        return {"honest": 1}

    def _raze(self, ctx, params):
        shutil.rmtree(ctx.scratch)
        (ctx.scratch / "checkpoint").write_bytes(b"x")

    def _taint(self, ctx, params):
        file = self.inputs_given["text"].path / "text.txt"
        file.chmod(0o644)
        file.write_text("tainted")

    def _beside(self, ctx, params):
        (ctx.out("text").parent / "crumbs").write_text("x")

    def _clock(self, ctx, params):
        return {}

    def _nothing(self, ctx, params):
        return {}

    def _vanish(self, ctx, params):
        ctx.out("text").rmdir()

    def _link(self, ctx, params):
        (ctx.out("text") / "link").symlink_to("/etc/passwd")

    def _figures(self, ctx, params):
        return {"odd": object()}

    def _wrong_return(self, ctx, params):
        return 3

    def _sleep(self, ctx, params):
        (ctx.scratch / "pid").write_text(str(os.getpid()))
        time.sleep(params.seconds)

    def _child(self, ctx, params):
        child = subprocess.Popen(["sleep", "60"])
        (ctx.scratch / "pid").write_text(str(child.pid))
        time.sleep(params.seconds)

    def _child_and_exit(self, ctx, params):
        child = subprocess.Popen(["sleep", "60"])
        (ctx.scratch / "pid").write_text(str(child.pid))
        os._exit(5)

    def _litter(self, ctx, params):
        (ctx.scratch / "left").write_text(tempfile.mkdtemp())

    def _litter_and_exit(self, ctx, params):
        self._litter(ctx, params)
        os._exit(5)

    def _disk_full(self, ctx, params):
        with open("/dev/full", "w") as file:  # noqa: PTH123
            file.write("x")

    def _wrong_port(self, ctx, params):
        ctx.out("texts")

    def _patience(self, ctx, params):
        ctx.progress(0, 1)
        while not ctx.cancelled:
            time.sleep(0.01)
        raise Cancelled("as you wish")


class Flood(Stage):
    """Write until the disk is full."""

    name, version = "flood", "1"
    outputs = {"text": Text}

    def run(self, ctx, inputs, params):
        with (ctx.out("text") / "text.txt").open("wb") as file:
            for _ in range(10_000):
                file.write(bytes(4096))


class Flaky(Stage):
    """Fail a few times, then succeed; count the tries in the scratch folder."""

    name, version = "flaky", "1"
    outputs = {"text": Text}

    class Params(Stage.Params):
        failures: int = 1

    def run(self, ctx, inputs, params):
        with (ctx.scratch / "tries").open("a") as file:
            file.write("x")
        tries = (ctx.scratch / "tries").stat().st_size
        if tries <= params.failures:
            raise StageFailed(f"try {tries} failed")
        (ctx.out("text") / "text.txt").write_text("at last")
        return {"tries": tries}
