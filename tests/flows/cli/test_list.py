import errno
from pathlib import Path


def test_the_pipelines_that_ship_are_listed_with_their_descriptions(edgesmith):
    answer = edgesmith("list")
    assert answer.code == 0
    (smoke,) = [line for line in answer.out.splitlines() if line.startswith("smoke ")]
    assert "in seconds" in smoke
    assert '"' not in smoke


def test_the_projects_own_pipelines_are_listed_too(call, project):
    (project / "pipelines").mkdir()
    (project / "pipelines" / "mine.yml").write_text("description: my own\n")
    (project / "pipelines" / "broken.yaml").write_bytes(b"\xff[")
    lines = call("list").out.splitlines()
    assert "mine" in [line.split()[0] for line in lines]
    assert any(line.endswith("my own") for line in lines)
    assert "broken" in [line.strip() for line in lines]


def test_what_is_no_file_and_what_is_hidden_is_no_pipeline(call, project):
    """Editors leave dangling links and hidden files beside what they edit."""
    (project / "pipelines" / "folder.yaml").mkdir(parents=True)
    (project / "pipelines" / "gone.yaml").symlink_to("nowhere")
    (project / "pipelines" / ".#mine.yaml").symlink_to("me@host.123")
    (project / "pipelines" / ".mine.yaml").write_text("description: hidden")
    answer = call("list")
    assert (answer.code, answer.err) == (0, "")
    assert not {"folder", "gone", ".#mine", ".mine"} & {line.split()[0] for line in answer.out.splitlines()}


def test_a_file_that_cannot_be_read_is_told_beside_its_name(call, project, monkeypatch):
    """Root reads every file, so that the refusal is the test's own."""
    (project / "pipelines").mkdir()
    (project / "pipelines" / "mine.yaml").write_text("description: my own")
    read = Path.read_text

    def refused(file, *arguments, **named):
        if file.name == "mine.yaml":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(file, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", refused)
    answer = call("list")
    assert answer.code == 0
    (mine,) = [line for line in answer.out.splitlines() if line.startswith("mine")]
    assert mine.endswith("(pipelines/mine.yaml can't be read: Permission denied)")
    assert any(line.startswith("smoke") for line in answer.out.splitlines())
