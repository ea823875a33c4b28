"""A stage's source is its module and what that imports from its own package."""

import importlib
import shutil
import sys
import time
import uuid
from pathlib import Path

import pytest

import edgesmith
from edgesmith_flows import source_digest
from edgesmith_flows.memo import Memo
from edgesmith_flows.source_digest import SourceDigests


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of given files, imported; `digest(module)` is that of its class `Stage`."""
    top = f"pkg_{uuid.uuid4().hex[:8]}"
    monkeypatch.syspath_prepend(str(tmp_path))

    class Package:
        name = top
        folder = tmp_path / top

        def write(self, files):
            for name, text in files.items():
                path = self.folder / f"{name}.py"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text.replace("TOP", top))

        def digest(self, module="one"):
            importlib.invalidate_caches()
            cls = getattr(importlib.import_module(f"{top}.{module}"), "Stage")  # noqa: B009
            return SourceDigests(Memo(tmp_path / "memo")).of(cls)

        def changes_when(self, files, module="one"):
            """Tell whether rewriting files changes the digest of a module's stage."""
            before = self.digest(module)
            self.write(files)
            return self.digest(module) != before

    made = Package()
    made.folder.mkdir()
    (made.folder / "__init__.py").write_text("")
    yield made
    for name in [one for one in sys.modules if one.partition(".")[0] == top]:
        del sys.modules[name]


STAGE = "class Stage:\n    pass\n"


@pytest.mark.parametrize(
    "line",
    [
        "from . import helper",
        "from .helper import x",
        "from TOP import helper",
        "from TOP.helper import x",
        "import TOP.helper",
        "import TOP.helper as h",
    ],
)
def test_a_helpers_change_is_a_change_however_it_is_imported(package, line):
    package.write({"helper": "x = 1\n", "one": f"{line}\n{STAGE}"})
    assert package.changes_when({"helper": "x = 2\n"})


def test_imports_inside_functions_count(package):
    package.write({"helper": "x = 1\n", "one": f"{STAGE}\n    def run(self):\n        from .helper import x\n"})
    assert package.changes_when({"helper": "x = 2\n"})


def test_imports_of_imports_count(package):
    package.write({"deep": "x = 1\n", "helper": "from .deep import x\n", "one": f"from .helper import x\n{STAGE}"})
    assert package.changes_when({"deep": "x = 2\n"})


def test_a_module_that_is_not_imported_does_not_count(package):
    package.write({"other": "x = 1\n", "one": STAGE})
    assert not package.changes_when({"other": "x = 2\n"})


def test_a_relative_import_from_a_parent_package_counts(package):
    package.write({"helper": "x = 1\n", "sub/__init__": "", "sub/one": f"from ..helper import x\n{STAGE}"})
    assert package.changes_when({"helper": "x = 2\n"}, "sub.one")


def test_the_init_of_a_subpackage_on_the_way_counts(package):
    package.write({"sub/__init__": "", "sub/one": STAGE})
    assert package.changes_when({"sub/__init__": "x = 1\n"}, "sub.one")


def test_what_a_subpackages_init_imports_counts(package):
    package.write(
        {"sub/__init__": "from .helper import x\n", "sub/helper": "x = 1\n", "one": f"from .sub import x\n{STAGE}"}
    )
    assert package.changes_when({"sub/helper": "x = 2\n"})


def test_a_circle_of_imports_ends(package):
    package.write({"helper": "from . import one\nx = 1\n", "one": f"{STAGE}\nfrom . import helper\n"})
    assert package.changes_when({"helper": "from . import one\nx = 2\n"})


def test_other_packages_do_not_count(package):
    package.write({"one": f"import json\nfrom pathlib import Path\n{STAGE}"})
    assert package.digest() == package.digest()


@pytest.mark.parametrize(
    ("line", "module", "counts"),
    [
        ("from edgesmith import carry", "golden", True),
        ("from edgesmith.golden import carry", "golden", True),
        ("from edgesmith import calibration", "calibration", True),
        ("from edgesmith import InputContract", "input_contract", True),
        ("from edgesmith import TorchModel", "input_contract", True),  # through edgesmith.artifacts
        ("from edgesmith import Stage", "stage", False),
        ("from edgesmith import carry", "calibration", False),
    ],
)
def test_of_the_contract_what_shapes_artifacts_counts(package, tmp_path, monkeypatch, line, module, counts):
    """A stage that draws calibration images with the contract's code is another stage when that code changes."""
    package.write({"one": f"{line}\n{STAGE}"})
    before = package.digest()
    changed = tmp_path / "edgesmith"
    shutil.copytree(Path(edgesmith.__file__).parent, changed)
    with (changed / f"{module}.py").open("a") as file:
        file.write("# changed\n")
    place = source_digest.package_place
    monkeypatch.setattr(source_digest, "package_place", lambda top: changed if top == "edgesmith" else place(top))
    assert (package.digest() != before) is counts


def test_what_counts_of_the_contract_is_asked_anew_although_the_file_is_known(package, tmp_path, monkeypatch):
    """An edgesmith that takes one more module into account reads the memo of the one before it."""
    package.write({"one": f"from edgesmith import hookimpl\n{STAGE}"})
    time.sleep(0.11)  # what is younger is not remembered
    memo = Memo(tmp_path / "memo")
    before = SourceDigests(memo).of_module(f"{package.name}.one")
    memo.save()
    monkeypatch.setattr(source_digest, "COMPUTING", frozenset({*source_digest.COMPUTING, "hooks"}))
    assert package.digest() != before


def test_where_the_package_lies_does_not_count(package, tmp_path, monkeypatch):
    package.write({"helper": "x = 1\n", "one": f"from .helper import x\n{STAGE}"})
    before = package.digest()
    for name in [one for one in sys.modules if one.partition(".")[0] == package.name]:
        del sys.modules[name]
    (tmp_path / "elsewhere").mkdir()
    package.folder.rename(tmp_path / "elsewhere" / package.name)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    assert package.digest() == before


def test_a_plugin_of_one_file_is_that_file(tmp_path, monkeypatch):
    name = f"single_{uuid.uuid4().hex[:8]}"
    (tmp_path / f"{name}.py").write_text(STAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = importlib.import_module(name).Stage
    before = SourceDigests(Memo(tmp_path / "memo")).of(cls)
    (tmp_path / f"{name}.py").write_text(f"{STAGE}# changed\n")
    assert SourceDigests(Memo(tmp_path / "memo")).of(cls) != before
    del sys.modules[name]


def test_a_file_that_did_not_change_is_parsed_once(package, tmp_path):
    package.write({"one": STAGE})
    time.sleep(0.11)
    package.digest()
    memo = Memo(tmp_path / "memo")
    SourceDigests(memo).of(sys.modules[f"{package.name}.one"].Stage)
    memo.save()
    found = Memo(tmp_path / "memo").fact(
        package.folder / "one.py", f"imports:{package.name}.one", lambda: pytest.fail("?")
    )
    assert found["imports"] == []
