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
