"""The page as text; see test_browser for what a browser makes of it."""

import html.parser
import json
import re
from dataclasses import replace

import pytest

from edgesmith_flows.report.facts import gather
from edgesmith_flows.report.page import page
from edgesmith_flows.report.pictures import sheets
from edgesmith_flows.report.views import duration

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


class Reader(html.parser.HTMLParser):
    """Keeps what a browser would act on."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text, self.ids, self.links = [], set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("src", "href", "aria-describedby", "data-recipe")]

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    return reader


@pytest.fixture(scope="module")
def text(facts):
    return page(facts)


def test_the_verdict_comes_first_then_everything_else(text):
    order = ["Passed", "trade-offs-title", "results-title", "graph-title", "training-title", "origin-title"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    for word in ("2 gates held", "four models side by side", "2023-11-14 22:13 UTC", "not run: no board is connected"):
        assert word in text


def test_the_same_run_gives_the_same_bytes(facts, text, shared_engine):
    assert page(gather(shared_engine.store, facts.run)) == text


def test_it_asks_for_nothing_outside(text):
    reader = read(text)
    assert {link.partition(":")[0] for link in reader.links if ":" in link} == {"data"}
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)


def test_every_link_on_the_page_leads_somewhere(text):
    reader = read(text)
    assert len(reader.ids) == len(set(reader.ids))
    wanted = {link.removeprefix("#") for link in reader.links if not link.startswith("data:")}
    assert wanted <= set(reader.ids)


def test_hovering_shows_the_recipe(text):
    recipe = text[text.index('id="recipe-2"') :].partition("</ol>")[0]
    assert "<b>tiny</b> build: factor 1.5" in recipe
    assert 'data-tip="tiny: top-1 0.9400, median ms 0.70, bytes 3" data-recipe="recipe-2"' in text


def test_texts_of_the_run_stay_texts(recorded):
    reader = read(page(recorded(word=HOSTILE)))
    assert reader.tags.count("script") == 1
    assert "onerror" not in reader.attributes and "alert(1)" in "".join(reader.text)
    assert "{{ 7 * 7 }}" in "".join(reader.text)


def test_a_policy_names_the_only_style_and_script(text):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src &#39;none&#39;; img-src data:;")
    assert "unsafe" not in policy and policy.count("sha256-") == 2
    assert not re.search(r"<[^>]+\sstyle=", text)


def test_a_failed_run_shows_the_message_and_the_gates_that_missed_first(recorded):
    text = page(
        recorded(
            gates=['bench.top1["big"] > 0', 'bench.top1["big"] > 1'],
            extra="  bad: {uses: mischief, with: {how: failure}}",
        )
    )
    assert text.index("MISSED") < text.index(">held<")
    assert "the text could not be written" in text and "1 of 7 nodes failed: bad; 1 of 2 gates missed" in text


def test_gates_that_only_leaves_out_are_there(facts):
    text = page(replace(facts, gates=[], left_out=["other.top1 > 0.9"]))
    assert "1 gate was not evaluated (--only)" in text
    assert "<code>other.top1 &gt; 0.9</code>" in text


def test_a_run_without_models_has_a_page(shared_engine):
    from edgesmith_flows.results import summarise
    from edgesmith_flows.run import write_run_record

    run = shared_engine.run("name: words\nstages:\n  a: {uses: write}\n")
    plan = run.executor.plan
    file = write_run_record(
        shared_engine.store, plan, summarise(plan, run.executor.results, shared_engine.store), 1_700_000_001.0
    )
    text = page(gather(shared_engine.store, file.stem))
    assert "1 node made" in text and 'id="results"' not in text


class TestPictures:
    def shown(self, facts, edit=lambda folder: None):
        made, notes = sheets(facts.contributions, lambda one, subject: "x")
        return [picture for sheet in made for group in sheet.groups.values() for picture in group], notes

    def test_they_are_part_of_the_page(self, facts):
        pictures, notes = self.shown(facts)
        assert len(pictures) == 3 and notes == []
        assert all(one.url.startswith("data:image/png;base64,iVBOR") for one in pictures)

    @pytest.mark.parametrize("file", ["../../manifest.json", "/etc/hostname", "report.json", "gone.png", "a\0b"])
    def test_what_is_outside_missing_or_no_picture_is_left_out(self, facts, file):
        from dataclasses import replace

        from edgesmith.sections import Picture, Pictures

        one = next(one for one in facts.contributions if one.section.shape == "pictures")
        section = Pictures(title="t", pictures=(Picture(file=file, caption="c"),))
        made, notes = sheets([replace(one, section=section)], lambda *_: "x")
        assert made == [] and len(notes) == 1 and "1 pictures are left out" in notes[0]

    def test_they_stay_within_a_budget(self, facts, monkeypatch):
        import edgesmith_flows.report.pictures as module

        monkeypatch.setattr(module, "BUDGET", 160)
        pictures, notes = self.shown(facts)
        assert 0 < len(pictures) < 3 and len(notes) == 1


def test_a_large_run_stays_under_two_megabytes(facts, tmp_path):
    from dataclasses import replace

    from edgesmith.sections import Curves, Layers, Picture, Pictures, Sample, Samples

    node, count = facts.nodes["show"], 4096
    (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20_000))
    values = tuple(0.1 + (i * 7919 % 1000) / 1000 for i in range(count))
    many = [
        Pictures(title="p", pictures=tuple(Picture(file="0.png", caption="c") for _ in range(256))),
        Samples(title="s", unit="ms", samples=tuple(Sample(of=f"m{i}", values=values) for i in range(20))),
        Layers(title="l", layers=tuple(f"stages.{i}.conv" for i in range(count)), values={"SQNR": values}),
        *(Curves(title="t", x="epoch", curves={"loss": values, "top-1": values}) for _ in range(6)),
    ]
    one = next(one for one in facts.contributions if one.folder is not None)
    given = [replace(one, node=node, section=section, folder=tmp_path) for section in many]
    assert len(page(replace(facts, contributions=given)).encode()) < 2_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40 s"), (12.34, "12.3 s"), (245.2, "4 min 05 s"), (59.99, "60.0 s"), (7380, "2 h 03 min")],
)
def test_times_are_written_for_people(seconds, text):
    assert duration(seconds) == text


def test_a_diff_is_shown_layer_by_layer(facts, tmp_path):
    from edgesmith import UserError
    from edgesmith_flows.report.diffs import with_diff

    side = {"model": "m:fused", "runtime": "torch", "layers": 2}
    entries = [{"a": {"name": f"layer.{i}"}, "b": {"name": f"n{i}"}, "sqnr_db": 40.0 - i} for i in range(3)]
    document = {
        "a": side, "b": {**side, "model": "m:int8"}, "images": 4, "bar_db": 30.0, "matched": 3,
        "layers": [*entries, {"a": None, "b": {"name": "x"}, "sqnr_db": None}],
        "output": {"sqnr_db": 25.0, "agreement": 1.0},
    }  # fmt: skip
    file = tmp_path / "diff.json"
    file.write_text(json.dumps(document))
    text = page(with_diff(facts, file))
    assert "diff: m:int8 against m:fused" in text and "SQNR, layer.2: 38" in text
    for broken in ("[]", "{}", "nothing", json.dumps({**document, "layers": [1]})):
        file.write_text(broken)
        with pytest.raises(UserError, match="is no comparison"):
            with_diff(facts, file)
