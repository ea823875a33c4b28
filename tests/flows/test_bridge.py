from pathlib import Path

from edgesmith_flows.bridge import bridge_for


def test_a_worker_is_lent_the_contract_the_worker_and_every_plugin(registry):
    bridge = bridge_for(registry)
    assert {"edgesmith", "edgesmith_flows", "edgesmith_stages", "playground"} <= set(bridge)
    assert all(Path(place).exists() for place in bridge.values())


def test_a_plugin_of_one_file_is_lent_as_that_file(tmp_path):
    from edgesmith_flows.registry import load_registry

    (tmp_path / "onefile_plugin.py").write_text(
        "from edgesmith import Stage, hookimpl\n"
        "class One(Stage):\n    name = 'one-file'\n    def run(self, ctx, inputs, params): ...\n"
        "@hookimpl\ndef edgesmith_stages():\n    return [One]\n"
    )
    registry = load_registry(["onefile_plugin"], tmp_path)
    assert bridge_for(registry)["onefile_plugin"] == str(tmp_path / "onefile_plugin.py")
