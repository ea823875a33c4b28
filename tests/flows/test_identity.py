"""What changes a node's key, and what doesn't (docs/caching.md has the same list in words)."""

import shutil

import pytest

A = "a: {uses: write, with: {text: hi}}"


class TestChangesTheKey:
    def test_a_param(self, engine):
        assert engine.key(A) != engine.key("a: {uses: write, with: {text: ho}}")

    def test_a_params_type(self, engine):
        assert engine.key("a: {uses: build, with: {factor: 2.0}}") != engine.key(
            "a: {uses: build, with: {factor: 2.5}}"
        )

    def test_the_seed(self, engine):
        assert engine.key(A) != engine.key(A, seed=1)

    def test_a_default(self, playground):
        before = playground.engine.key(A)
        playground.edit("write.py", "copies: int = Field(default=1", "copies: int = Field(default=2")
        assert playground.engine.key(A) != before

    def test_the_stages_version(self, playground):
        before = playground.engine.key(A)
        playground.edit("write.py", 'name, version = "write", "1"', 'name, version = "write", "2"')
        assert playground.engine.key(A) != before

    def test_the_stages_source(self, playground):
        before = playground.engine.key(A)
        playground.edit("write.py", "ctx.progress(1, 1", "ctx.progress(2, 2")
        assert playground.engine.key(A) != before

    def test_a_datasets_content(self, engine, tmp_path):
        text = f"a: {{uses: quote, with: {{data: {{name: words, path: {tmp_path / 'words'}}}}}}}"
        (tmp_path / "words").write_text("one two")
        before = engine.key(text)
        (tmp_path / "words").write_text("one too")
        assert engine.key(text) != before

    def test_a_datasets_source(self, playground, tmp_path):
        (tmp_path / "words").write_text("one two")
        text = f"a: {{uses: quote, with: {{data: {{name: words, path: {tmp_path / 'words'}}}}}}}"
        before = playground.engine.key(text)
        playground.edit("datasets.py", ".split()", ".splitlines()")
        assert playground.engine.key(text) != before

    def test_a_files_content(self, engine, tmp_path):
        (tmp_path / "f").write_text("one")
        before = engine.key(f"a: {{uses: quote, with: {{file: {tmp_path / 'f'}}}}}")
        (tmp_path / "f").write_text("two")
        assert engine.key(f"a: {{uses: quote, with: {{file: {tmp_path / 'f'}}}}}") != before

    def test_the_version_of_a_tool(self, engine, monkeypatch):
        from importlib import metadata

        text = "a: {uses: demand, with: {package: click}}"
        document = engine.identities(pipeline := engine.resolve(text)).document(pipeline.nodes["a"], {})
        assert document["tools"] == {"click": metadata.version("click")}

    def test_an_inputs_content_and_which_port_it_goes_to(self, engine):
        pipeline = engine.resolve("""
            a: {uses: write}
            b: {uses: gather, needs: {texts: a}}
            """)
        identities, node = engine.identities(pipeline), pipeline.nodes["b"]
        keys = {
            identities.key(identities.document(node, inputs))
            for inputs in ({"texts": ["d1"]}, {"texts": ["d2"]}, {"texts": ["d1", "d2"]}, {"texts": ["d2", "d1"]},
                           {"texts": ["d1"], "title": ["d2"]}, {"title": ["d1"]})
        }  # fmt: skip
        assert len(keys) == 6


class TestMeasurements:
    TALLY = """
        m: {uses: build}
        t: {uses: tally, needs: {models: m}}
        """

    def document(self, engine):
        pipeline = engine.resolve(self.TALLY)
        return engine.identities(pipeline).document(pipeline.nodes["t"], {"models": ["d"]})

    def test_a_measurements_key_names_the_machine(self, engine, monkeypatch):
        monkeypatch.setenv("PLAYGROUND_DESK", "birch")
        assert self.document(engine)["target"]["identity"] == {"desk": "birch"}

    def test_what_the_params_of_a_target_change_is_for_its_identity_to_say(self, engine):
        pipeline = engine.resolve("""
            m: {uses: build}
            t: {uses: tally, needs: {models: m}, with: {target: {name: shelf, row: 4}}}
            """)
        document = engine.identities(pipeline).document(pipeline.nodes["t"], {"models": ["d"]})
        assert document["target"]["identity"] == {"row": 4}
        assert "target" not in document["params"]

    def test_a_targets_source_counts(self, playground):
        before = self.document(playground.engine)["target"]["source"]
        playground.edit(
            "target.py", "return ModelProcess(launch, model, threads)", "return ModelProcess(launch, model, 1)"
        )
        assert self.document(playground.engine)["target"]["source"] != before

    def test_a_runtime_of_the_targets_own_takes_the_place_of_this_machines(self, engine):
        pipeline = engine.resolve("""
            m: {uses: build}
            t: {uses: tally, needs: {models: m}, with: {target: shelf}}
            """)
        assert engine.identities(pipeline).runtimes(pipeline.nodes["t"]) == {}

    def test_other_keys_do_not(self, engine, monkeypatch):
        before = engine.key("a: {uses: build}")
        monkeypatch.setenv("PLAYGROUND_DESK", "birch")
        assert engine.key("a: {uses: build}") == before

    def test_the_runtime_that_models_are_opened_with_counts(self, playground):
        before = self.document(playground.engine)["runtimes"]
        assert before["sign"]["name"] == "sign-runner"
        playground.edit("runtime.py", "self.factor = float(text)", "self.factor = float(text) * 1")
        assert self.document(playground.engine)["runtimes"] != before


class TestLeavesTheKeyAlone:
    def test_the_nodes_name(self, engine):
        assert engine.key(A) == engine.key(A.replace("a:", "renamed:"), "renamed")

    def test_the_pipelines_name_and_description_and_gates(self, engine):
        text = "name: other\ndescription: x\nstages:\n  a: {uses: write, with: {text: hi}}\ngates: [a.letters > 1]\n"
        assert engine.key(A) == engine.key(text)

    def test_order_comments_and_spelling(self, engine):
        text = """
            b: {uses: write}   # another node
            a:
              with: {copies: 1, "text": 'hi'}
              uses: write
            """
        assert engine.key(A) == engine.key(text)

    def test_where_a_value_comes_from(self, engine):
        text = "name: x\nparams: {text: hi, n: 1}\nstages:\n  a: {uses: write, with: {copies: '${params.n}'}}\n"
        assert engine.key(A) == engine.key(text)
        assert engine.key(A) == engine.key("a: {uses: write}", **{"a.text": "hi"})

    def test_a_number_written_as_another_type(self, engine):
        assert engine.key("a: {uses: build, with: {factor: 2}}") == engine.key("a: {uses: build, with: {factor: 2.0}}")

    def test_timeouts_and_retries(self, engine):
        assert engine.key(A) == engine.key("a: {uses: write, with: {text: hi}, timeout: 3m, retries: 2}")

    def test_where_a_dataset_or_a_file_lies(self, engine, tmp_path):
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "words").write_text("one two")
        keys = {
            engine.key(f"a: {{uses: quote, with: {{{given}}}}}".replace("PLACE", str(tmp_path / name)))
            for name in ("here", "there")
            for given in ("data: {name: words, path: PLACE/words}", "file: PLACE/words")
        }
        assert len(keys) == 2

    def test_another_stage_of_the_same_plugin(self, playground):
        before = playground.engine.key(A)
        playground.edit("shout.py", "return {", "return {**{}, ")
        playground.edit("volume.py", "upper()", "lower()")
        assert playground.engine.key(A) == before

    def test_where_the_plugin_and_the_store_lie(self, engine, playground, tmp_path):
        before = playground.engine.key(A)
        shutil.move(playground.folder, tmp_path / "elsewhere" / playground.name)
        playground.folder = tmp_path / "elsewhere" / playground.name
        playground.load()
        assert playground.engine.key(A) == before


def test_a_changed_helper_changes_the_key_of_its_own_stage_only(playground):
    text = """
        a: {uses: write}
        c: {uses: build}
        """
    before = {name: playground.engine.key(text, name) for name in ("a", "c")}
    playground.edit("spelling.py", "return text", "return text[::-1]")
    assert playground.engine.key(text, "a") != before["a"]
    assert playground.engine.key(text, "c") == before["c"]


def test_a_toolchain_that_is_not_built_is_named(engine):
    pipeline = engine.resolve("a: {uses: demand, with: {package: click, specifier: '<1'}}")
    identities = engine.identities(pipeline)
    assert [one.requirements for one in identities.missing(pipeline.nodes["a"])] == [("click<1",)]
    with pytest.raises(LookupError, match="not built"):
        identities.document(pipeline.nodes["a"], {})
