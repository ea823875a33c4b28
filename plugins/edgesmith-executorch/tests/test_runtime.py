"""The runtime `executorch`."""

from __future__ import annotations

import pytest
from edgesmith_executorch.model import ExecutorchModel
from edgesmith_executorch.runtime import ExecutorchRuntime

from edgesmith import UserError
from edgesmith.testing import RuntimeContract


class TestRuntime(RuntimeContract):
    """The golden pair, in a fresh process."""

    runtime = ExecutorchRuntime

    @pytest.fixture(autouse=True)
    def _exported(self, fp32):
        self.exported = fp32.outputs["model"]

    def model(self, folder):
        return self.exported


def test_threads_are_pinned(fp32):
    from executorch.extension.pybindings.portable_lib import _threadpool_get_thread_count

    ExecutorchRuntime().load(fp32.outputs["model"], threads=2)
    assert _threadpool_get_thread_count() == 2


@pytest.mark.parametrize("kept", [0, 1000, 100_000])
def test_a_damaged_file_is_a_users_error(fp32, tmp_path, kept):
    content = fp32.outputs["model"].file.read_bytes()
    (tmp_path / ExecutorchModel.main).write_bytes(content[:kept])
    with pytest.raises(UserError, match="ExecuTorch cannot load"):
        ExecutorchRuntime().load(ExecutorchModel(tmp_path), threads=1)
