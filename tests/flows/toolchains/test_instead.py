"""Other versions in the place of the declared ones."""

from importlib.metadata import version

import pytest

from edgesmith import Toolchain, UserError
from edgesmith_flows.toolchains import Toolchains
from edgesmith_flows.toolchains.instead import check_instead, instead_of


def test_a_requirement_of_the_name_is_replaced_and_the_rest_keeps_its_version():
    chain = Toolchain(("numpy>=2", "Pillow>=9"))
    other = instead_of(chain, ["pillow==9.9"])
    assert other.requirements == ("numpy>=2", "pillow==9.9")
    assert other.constraints == (f"numpy=={version('numpy')}",)


def test_an_isolated_environment_s_other_requirements_stay_as_they_are():
    chain = Toolchain(("nobody-has-this", "numpy>=2"), overrides=("numpy<3",))
    other = instead_of(chain, ["numpy==2.1"])
    assert other == Toolchain(("nobody-has-this", "numpy==2.1"), overrides=("numpy==2.1",))


def test_extras_stay():
    assert instead_of(Toolchain(("uvicorn[standard]>=0",)), ["uvicorn==1"]).requirements == ("uvicorn[standard]==1",)


def test_a_toolchain_that_names_none_of_them_is_the_same():
    chain = Toolchain(("numpy>=2",))
    assert instead_of(chain, ["pillow==9"]) is chain


def test_it_is_not_found_here_and_the_declared_one_is(tmp_path):
    chain = Toolchain(("numpy>=2",))
    assert Toolchains(tmp_path).find(chain) is not None
    assert Toolchains(tmp_path, instead=["numpy==1.0"]).find(chain) is None


@pytest.mark.parametrize(
    ("text", "told"), [("numpi==2", "did you mean 'numpy'"), ("not a requirement!", "is not a requirement")]
)
def test_mistakes_are_told(text, told):
    with pytest.raises(UserError, match=told):
        check_instead([text], [Toolchain(("numpy>=2",))])
