"""Heavy packages stay out of everything but the stages' work (DESIGN.md, "The house")."""

import pytest

HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "tensorflow",
    "coremltools",
    "onnx",
    "onnxruntime",
    "prefect",
    "sklearn",
    "PIL",
}


@pytest.mark.parametrize(
    "code",
    [
        "import edgesmith_flows.cli.main",
        "import edgesmith_stages.plugin as p; [getattr(p, n)() for n in dir(p) if n.startswith('edgesmith_')]",
        "import edgesmith_flows.cli.run, edgesmith_flows.session, edgesmith_flows.run, edgesmith_flows.execute",
        "import edgesmith_flows.worker.main",
        "import edgesmith.testing, edgesmith.runtime_host",
    ],
)
def test_importing_it_brings_nothing_heavy(python, code):
    loaded = set(python(f"import sys; {code}; print(*sys.modules)").split())
    assert not HEAVY & loaded


def test_the_command_line_alone_does_not_even_need_pydantic(python):
    loaded = set(python("import sys; import edgesmith_flows.cli.main; print(*sys.modules)").split())
    assert not {"pydantic", "numpy", "yaml", "rich", "simpleeval"} & loaded


def test_planning_the_pipelines_that_ship_brings_nothing_heavy(python, tmp_path):
    code = """
import sys
from pathlib import Path
from edgesmith_flows.session import open_session, plan_session
from edgesmith_flows.settings import Settings, known_pipelines
for name in set(known_pipelines()) - {"nightly"}:
    session = open_session(name, Settings(Path(sys.argv[1])), offline=True)
    assert plan_session(session)[0].steps
print(*sys.modules)
"""
    assert not HEAVY & set(python(code, str(tmp_path / "store")).split())
