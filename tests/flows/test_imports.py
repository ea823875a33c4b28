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


@pytest.mark.parametrize("name", ["smoke", "mobilevit-int8", "mobileone-coreml", "mobile-compare"])
def test_planning_a_pipeline_that_ships_brings_nothing_heavy(python, tmp_path, name):
    code = """
import sys
from pathlib import Path
from edgesmith_flows.session import open_session, plan_session
from edgesmith_flows.settings import Settings
session = open_session(sys.argv[1], Settings(Path(sys.argv[2])), offline=True)
plan, _ = plan_session(session)
assert plan.steps
print(*sys.modules)
"""
    assert not HEAVY & set(python(code, name, str(tmp_path / "store")).split())
