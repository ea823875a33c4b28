import pytest

from edgesmith import UserError
from edgesmith_flows.settings import find_pipeline, known_pipelines, load_settings, worker_store


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGESMITH_STORE", raising=False)


class TestStore:
    def test_it_is_in_the_working_directory_by_default(self, tmp_path):
        assert load_settings().store == tmp_path / ".edgesmith"

    def test_the_environment_goes_before_the_default_and_the_option_before_both(self, tmp_path, monkeypatch):
        monkeypatch.setenv("EDGESMITH_STORE", "elsewhere")
        assert load_settings().store == tmp_path / "elsewhere"
        assert load_settings("here").store == tmp_path / "here"

    def test_a_machine_that_works_for_others_has_one_that_outlives_the_flow_run_s_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert worker_store().is_relative_to(tmp_path / "home")
        monkeypatch.setenv("EDGESMITH_STORE", "elsewhere")
        assert worker_store() == tmp_path / "elsewhere"


class TestPlugins:
    def write(self, tmp_path, text):
        (tmp_path / "pyproject.toml").write_text(text)

    def test_there_are_none_without_a_pyproject(self):
        assert load_settings().plugins == ()

    def test_they_are_named_in_pyproject(self, tmp_path):
        self.write(tmp_path, '[tool.edgesmith]\nplugins = ["a", "b.c"]\n')
        assert load_settings().plugins == ("a", "b.c")

    def test_another_tools_pyproject_is_fine(self, tmp_path):
        self.write(tmp_path, "[tool.black]\n")
        assert load_settings().plugins == ()

    @pytest.mark.parametrize("text", ['plugins = "a"', "plugins = [1]", "plugins = 3"])
    def test_anything_but_a_list_of_names_is_refused(self, tmp_path, text):
        self.write(tmp_path, f"[tool.edgesmith]\n{text}\n")
        with pytest.raises(UserError, match="expected a list of module names"):
            load_settings()

    @pytest.mark.parametrize("text", ["[tool", "tool = 3", "[tool]\nedgesmith = 3", "\0"])
    def test_a_broken_pyproject_is_a_users_error(self, tmp_path, text):
        self.write(tmp_path, text)
        with pytest.raises(UserError, match=r"pyproject\.toml"):
            load_settings()


class TestPipelines:
    def test_a_bare_name_finds_one_that_ships(self):
        assert find_pipeline("smoke").name == "smoke.yaml"
        assert {"mobilevit-int8", "mobileone-coreml", "mobile-compare", "smoke"} <= set(known_pipelines())

    @pytest.mark.parametrize("suffix", [".yaml", ".yml"])
    def test_the_projects_own_goes_first(self, tmp_path, suffix):
        (tmp_path / "pipelines").mkdir()
        (tmp_path / "pipelines" / f"smoke{suffix}").write_text("")
        assert find_pipeline("smoke").resolve() == tmp_path / "pipelines" / f"smoke{suffix}"
        assert known_pipelines()["smoke"].suffix == suffix

    def test_a_path_is_a_path(self, tmp_path):
        (tmp_path / "mine.yaml").write_text("")
        assert find_pipeline("mine.yaml").name == "mine.yaml"
        assert find_pipeline(str(tmp_path / "mine.yaml")) == tmp_path / "mine.yaml"

    @pytest.mark.parametrize("name", ["mine.yaml", "folder/mine", "/nowhere.yml"])
    def test_a_path_that_is_not_there_is_a_users_error(self, name):
        with pytest.raises(UserError, match="there is no pipeline file"):
            find_pipeline(name)

    def test_an_unknown_name_is_told_with_the_nearest_one(self):
        with pytest.raises(UserError, match=r"unknown pipeline 'smoek'; did you mean 'smoke'\?"):
            find_pipeline("smoek")
