"""The page in a real browser: headless Chromium, light and dark, wide and narrow, with axe's accessibility rules."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgesmith_flows.report.page import page as page_of

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: uv sync --group dev")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing: uv sync --group dev")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "</title><script>document.title = 'pwned'</script><img src=x onerror=\"document.title='pwned'\">{{ 7 * 7 }}"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is missing: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(recorded, tmp_path_factory) -> dict[str, Path]:
    """A page whose run passed, and one that failed and is full of markup."""
    folder = tmp_path_factory.mktemp("pages")
    bad = "  bad: {uses: mischief, with: {how: failure}}"
    made = {
        "passed": recorded(),
        "failed": recorded(gates=['bench.top1["big"] > 0', 'bench.top1["big"] > 1'], word=HOSTILE, extra=bad),
    }
    for name, facts in made.items():
        (folder / f"{name}.html").write_text(page_of(facts), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def opened(browser, files):
    """Open a page; at the end nothing may have been logged, and nothing asked of a network."""
    contexts, complaints = [], []

    def opened(name="passed", width=1200, scheme="light", **options):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        shown = context.new_page()
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("request", lambda request: complaints.append(request.url) if _outside(request.url) else None)
        shown.goto(files[name].as_uri())
        return shown

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _outside(url: str) -> bool:
    return not url.startswith(("file:", "data:"))


@pytest.mark.parametrize(("name", "scheme"), [("passed", "light"), ("failed", "light"), ("failed", "dark")])
def test_axe_finds_nothing_to_complain_about(opened, name, scheme):
    shown = opened(name, scheme=scheme)
    shown.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = axe.Axe().run(shown)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == []


@pytest.mark.parametrize("name", ["passed", "failed"])
def test_a_phone_needs_no_sideways_scrolling(opened, name):
    shown = opened(name, width=360, has_touch=True)
    shown.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert shown.evaluate("document.documentElement.scrollWidth") == 360
    plot = shown.locator("#trade-offs svg").first.bounding_box()
    assert 280 < plot["width"] <= 360
    assert shown.locator(".verdict .mark").bounding_box()["y"] < 400


def test_dark_is_dark_from_the_first_paint(opened):
    back = "getComputedStyle(document.body).backgroundColor"
    assert opened(scheme="dark").evaluate(back) == "rgb(15, 20, 26)"
    assert opened(scheme="light").evaluate(back) == "rgb(245, 246, 248)"


def test_a_heading_sorts_and_says_so(opened):
    shown = opened()
    names = shown.locator("#results tbody th")
    heading = shown.get_by_role("columnheader", name="median ms")
    assert names.all_inner_texts() == ["big", "small", "tiny", "odd"]
    heading.get_by_role("button").click()
    assert names.all_inner_texts() == ["tiny", "small", "big", "odd"], "what was not measured comes last"
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").press("Enter")
    assert names.all_inner_texts() == ["big", "small", "tiny", "odd"]
    assert shown.get_by_role("status").inner_text() == "sorted by median ms, descending"
    shown.get_by_role("columnheader", name="top-1").get_by_role("button").click()
    assert names.all_inner_texts()[-2:] == ["tiny", "odd"], "of accuracies the highest comes first"


def test_pointing_at_a_disc_shows_its_recipe(opened):
    shown = opened()
    tip = shown.get_by_role("tooltip")
    assert not tip.is_visible()
    shown.locator("#trade-offs a[aria-label^='tiny']").first.hover()
    tip.wait_for()
    assert tip.inner_text().splitlines()[0] == "tiny: top-1 0.9400, median ms 0.70, bytes 3"
    assert "tiny build: factor 1.5" in tip.inner_text()
    shown.mouse.move(5, 5)
    assert not tip.is_visible()


def test_so_does_the_keyboard(opened):
    shown = opened()
    shown.locator("#trade-offs a[aria-label^='small']").first.focus()
    tip = shown.get_by_role("tooltip")
    assert "small build: factor 123.5" in tip.inner_text()
    shown.keyboard.press("Escape")
    assert not tip.is_visible()
    shown.keyboard.press("Tab")
    assert tip.is_visible(), "Tab goes from disc to disc"


def test_and_a_finger(opened):
    shown = opened(width=360, has_touch=True)
    shown.locator("#trade-offs a[aria-label^='tiny']").first.tap()
    box = shown.get_by_role("tooltip").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_texts_of_the_run_run_nothing(opened):
    shown = opened("failed")
    assert shown.title() == "Failed: tiny, 2023-11-14 22:13 UTC"
    assert shown.locator("img[src=x]").count() == 0
    assert shown.locator(".sheet span").first.inner_text() == f"{HOSTILE} 0"


def test_everything_can_be_read_without_scripts(opened):
    shown = opened(java_script_enabled=False)
    assert shown.locator(".verdict .mark").inner_text() == "Passed"
    shown.locator("summary", has_text="Recipes").click()
    assert shown.locator("#recipe-2").inner_text() == "tiny build: factor 1.5"
