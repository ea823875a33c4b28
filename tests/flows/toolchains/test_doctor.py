"""What can be wrong with an isolated environment."""

import dataclasses
import shutil

import pytest

from edgesmith_flows.toolchains.doctor import problems
from edgesmith_flows.toolchains.inventory import environments
from edgesmith_flows.toolchains.record import RECORD


@pytest.fixture
def copy(built, tmp_path):
    """A copy of a built environment, to damage."""
    made, environment, _ = built
    shutil.copytree(made.root / environment.name, tmp_path / "root" / environment.name, symlinks=True)

    def look():
        (found,) = environments(tmp_path / "root")
        return found

    return look


@pytest.mark.slow
class TestIll:
    def test_one_as_it_was_built_is_well(self, copy):
        assert list(problems(copy())) == []

    def test_without_its_record(self, copy):
        (copy().folder / RECORD).unlink()
        assert list(problems(copy())) == ["it has no toolchain.json that this version of edgesmith can read"]

    def test_without_its_python(self, copy):
        (copy().folder / "bin" / "python").unlink()
        (told,) = problems(copy())
        assert told.endswith("bin/python is gone")

    def test_a_python_that_does_not_run(self, copy):
        python = copy().folder / "bin" / "python"
        python.unlink()
        python.write_text("#!/bin/sh\nexit 3\n")
        python.chmod(0o755)
        (told,) = problems(copy())
        assert told.startswith("its interpreter does not run")

    def test_versions_that_changed(self, copy):
        found = copy()
        dataclasses.replace(found.record, freeze={**found.record.freeze, "iniconfig": "1.0", "gone": "3"}).write(
            found.folder
        )
        changed, gone = sorted(problems(copy()), reverse=True)
        assert changed == f"iniconfig: 1.0 when it was built, {found.record.versions['iniconfig']} now"
        assert gone == "gone: 3 when it was built, not installed now"

    def test_another_python_than_it_was_built_on(self, copy):
        found = copy()
        dataclasses.replace(found.record, python="3.11.0").write(found.folder)
        assert any(told.startswith("it was built on Python 3.11.0") for told in problems(copy()))

    def test_a_requirement_that_is_gone_and_an_import_that_fails(self, copy):
        packages = next(copy().folder.glob("lib/python*/site-packages"))
        for place in packages.glob("typing_extensions*"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        (module,) = packages.glob("iniconfig/__init__.py")
        module.unlink()  # it may be a link into uv's cache
        module.write_text("import no_such_module\n")
        told = "\n".join(problems(copy()))
        assert "typing-extensions: " in told
        assert "requires `typing-extensions" in told
        assert "iniconfig: import iniconfig fails: ModuleNotFoundError" in told
