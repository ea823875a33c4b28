"""redun: tasks in Python, values and files cached by content."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine.peers.peer import Graph, Peer

_HEAD = """from redun import File, task

redun_namespace = "nine"

"""


def write(folder: Path, graph: Graph) -> None:
    """Write a workflow: a task a node, which writes its file in this process."""
    parts = [_HEAD]
    for name, needs in graph.items():
        parts.append(
            f"@task()\ndef {name}({', '.join(needs)}):\n"
            f"    file = File('{name}.txt')\n    file.write('{name}\\n')\n    return file\n\n\n"
        )
    parts.append("@task()\ndef main():\n")
    parts += [f"    {name}_ = {name}({', '.join(f'{need}_' for need in needs)})\n" for name, needs in graph.items()]
    parts.append(f"    return {[*graph][-1]}_\n")
    (folder / "workflow.py").write_text("".join(parts), encoding="utf-8")


PEER = Peer(
    name="redun",
    requirements=("redun==0.44.1",),
    write=write,
    argv=("redun", "run", "workflow.py", "main"),
    # Of the table's columns (pending, running, failed, cached, done, total): nine nodes and `main` cached.
    proof="| ALL                0       0       0      10       0      10",
)
