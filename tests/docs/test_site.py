"""The site: built strictly and without a network, shows what the repository shows, and is usable in a browser."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from docs.pages import ROOT, Page, page, pages
from lxml import html
from markdown_it import MarkdownIt
from mkdocs.exceptions import PluginError
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

BROUGHT_IN = {"README.md": "stemma", "CHANGELOG.md": "changes", "CONTRIBUTING.md": "contributing"}
SHAPES = ("h1", "h2", "h3", "h4", "p", "em", "strong", "ul", "ol", "li", "table", "tr", "th", "td", "pre", "blockquote")
NOWHERE = "http://127.0.0.1:9"
"""A proxy that answers nothing: what would ask another machine fails."""
LOOKED_AT = ("index.html", "start.html", "contracts.html", "reference/rules.html")
BY_AXE = ("start.html", "triage.html")
"""Two pages with all that pages have; axe takes seconds for each."""


def build(config: Path, into: Path) -> subprocess.CompletedProcess[str]:
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(into)],
        env=os.environ | proxies | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("site") / "site"
    done = build(ROOT / "docs/site/mkdocs.yml", into)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return into


def _file(found: Page) -> str:
    name = BROUGHT_IN.get(found.name) or found.name.removeprefix("docs/").removesuffix(".md")
    return name.replace("README", "index") + ".html"


def _article(built: Path, found: Page) -> Any:
    [article] = html.parse(str(built / _file(found))).getroot().xpath("//article")
    return article


def _shape(tree: Any) -> dict[str, int]:
    counted = Counter(str(part.tag) for part in tree.iter() if isinstance(part.tag, str))
    return {tag: counted[tag] for tag in SHAPES}


def test_every_page_looks_as_it_does_in_the_repository(built: Path) -> None:
    """Python-Markdown is not CommonMark; pages keep to what both read alike."""
    reader = MarkdownIt("commonmark").enable("table")
    differ = {}
    for found in pages():
        if "<!-- include" in found.text:
            continue
        wanted = _shape(html.fromstring(f"<div>{reader.render(found.text)}</div>"))
        shown = _shape(_article(built, found))
        differ |= {f"{found.name} {tag}": (wanted[tag], shown[tag]) for tag in SHAPES if wanted[tag] != shown[tag]}
    assert differ == {}


def test_sections_are_named_as_in_the_repository(built: Path) -> None:
    for found in pages():
        names = _article(built, found).xpath(".//*[self::h1 or self::h2 or self::h3 or self::h4]/@id")
        assert len(names) == len(set(names)), found.name
        assert set(names) >= found.anchors, found.name


def test_the_menu_has_every_page(built: Path) -> None:
    menu = html.parse(str(built / "index.html")).getroot().xpath("//nav[contains(@class, 'md-nav--primary')]//a/@href")
    listed = {str(target).partition("#")[0] for target in menu}
    assert {_file(found) for found in pages()} - listed - {"index.html"} == set()
    assert not any("`" in text for text in html.parse(str(built / "index.html")).xpath("//nav//text()"))


def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    loads = "//script/@src | //img/@src | //iframe/@src | //link[not(@rel='canonical')]/@href | //source/@src"
    for path in built.rglob("*.html"):
        for target in html.parse(str(path)).getroot().xpath(loads):
            assert not re.match(r"(?:[a-z]+:)?//", str(target)), f"{path.name} loads {target}"
    for path in built.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import\s+)['\"]?(?:https?:)?//[^)]+", path.read_text("utf-8")) == [], path.name
    assert len(list(built.rglob("*.css"))) >= 3


def test_the_five_minutes_are_those_of_the_readme(built: Path) -> None:
    readme = page("README.md")
    start = readme.text.index("## Five minutes with your own documents")
    end = readme.text.index("## Scheduling in Airflow")
    wanted = [block.text for block in readme.blocks() if start <= readme.text.index(block.text) < end]
    shown = [part.text_content() for part in _article(built, page("docs/start.md")).xpath(".//pre")]
    assert [text.strip() for text in shown] == [text.strip() for text in wanted]
    assert len(wanted) > 10


def test_what_is_for_tests_and_for_the_theme_is_not_shown(built: Path) -> None:
    for path in built.rglob("*.html"):
        article = html.parse(str(path)).getroot().xpath("//article")
        comments = article[0].xpath(".//comment()") if article else []
        assert [text for text in map(str, comments) if "run" in text.split()[:3] or "include" in text] == [], path.name
    assert not (built / "site").exists()
    assert list(built.rglob("*.py")) == []


def test_a_broken_link_an_unknown_section_and_an_unlisted_page_each_end_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in (*BROUGHT_IN, "provenance/detectors/artefacts.tsv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "docs/concepts.md").write_text("# Concepts\n\n[gone](nowhere.md) [no](triage.md#no-such-section)\n")
    (tmp_path / "docs/unlisted.md").write_text("# Unlisted\n")
    done = build(tmp_path / "docs/site/mkdocs.yml", tmp_path / "out")
    assert done.returncode == 1
    assert "'nowhere.md'" in done.stderr
    assert "'#no-such-section'" in done.stderr or "no-such-section" in done.stderr
    assert "unlisted.md" in done.stderr


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def served(built: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(built)))
    runner = threading.Thread(target=server.serve_forever, daemon=True)
    runner.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    runner.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that can reach this machine only."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = Options()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1280,900",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(argument)
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def test_pages_are_accessible_and_fit_narrow_and_wide_light_and_dark(browser: Any, served: str) -> None:
    axe = files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text("utf-8")
    found: list[str] = []
    for width, scheme in ((1280, "light"), (390, "dark")):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        for name in dict.fromkeys((*LOOKED_AT, *BY_AXE)):
            browser.get(f"{served}/{name}")
            told = [*_problems(browser, served), *(_violations(browser, axe) if name in BY_AXE else ())]
            found += [f"{name} at {width} {scheme}: {words}" for words in told]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found == []


def _problems(browser: Any, served: str) -> Iterator[str]:
    wide, room = browser.execute_script(
        "const root = document.documentElement; return [root.scrollWidth, root.clientWidth];"
    )
    if wide > room:
        yield f"scrolls sideways: {wide} in {room}"
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(item => item.name)")
    assert len(loaded) > 3
    yield from (f"loads {name}" for name in loaded if not name.startswith(f"{served}/"))


def _violations(browser: Any, axe: str) -> Iterator[str]:
    browser.execute_script(axe)
    only = "{resultTypes: ['violations']}"
    told = browser.execute_async_script(f"axe.run({only}).then(arguments[arguments.length - 1])")
    assert len(told["passes"]) > 5
    for violation in told["violations"]:
        if violation["impact"] in ("serious", "critical"):
            yield f"{violation['id']}: {violation['nodes'][0]['html'][:160]}"


def test_the_search_finds_a_page_and_leads_to_it(browser: Any, served: str) -> None:
    browser.get(f"{served}/index.html")
    browser.find_element(By.CSS_SELECTOR, ".md-search__input").send_keys("quarantine")
    hits = WebDriverWait(browser, 20).until(
        lambda found: found.find_elements(By.CSS_SELECTOR, ".md-search-result__item a")
    )
    targets = [hit.get_attribute("href") for hit in hits]
    assert any("/triage.html" in target for target in targets), targets
    hits[0].click()
    WebDriverWait(browser, 20).until(lambda found: "/index.html" not in found.current_url)
    assert "quarantine" in browser.find_element(By.TAG_NAME, "article").text.lower()


# What the hook does beside it


@pytest.fixture(scope="module")
def hooks() -> Any:
    spec = importlib.util.spec_from_file_location("docs_site_hooks", ROOT / "docs/site/hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_menu_is_the_tables_of_the_index(hooks: Any) -> None:
    text = (
        "# Docs\n\n## One\n\n| a | b |\n|---|---|\n| [A `x`](concepts.md) | [no](triage.md) |\n\n## Two\n\n### In\n\n"
    )
    rows = "| [Top](../README.md) | - |\n| [R](recipes/README.md) | - |\n\n## Three\n\n| [B](triage.md) | - |\n"
    first, one, two, three = hooks.menu(text + rows)
    assert first == {"Documentation": "README.md"}
    assert one == {"One": [{"A x": "concepts.md"}]}
    [inside] = two["Two"]
    top, recipes = inside["In"]
    assert top == {"Top": "stemma.md"}
    assert recipes["R"][:2] == ["recipes/README.md", "recipes/source.md"]
    assert set(recipes["R"]) == {f"recipes/{path.name}" for path in (ROOT / "docs/recipes").glob("*.md")}
    assert three == {"Three": [{"B": "triage.md"}]}


def test_a_row_under_no_heading_and_a_section_that_is_not_there_end_the_build(hooks: Any) -> None:
    with pytest.raises(PluginError, match=r"concepts\.md before its first heading"):
        hooks.menu("# Docs\n\n| [A](concepts.md) | - |\n")
    with pytest.raises(PluginError, match=r"README\.md has no section 'Ten minutes'"):
        hooks._section("../README.md", "Ten minutes", ROOT / "docs")


def test_links_of_a_section_are_turned_to_the_page_that_includes_it_and_code_is_let_be(hooks: Any) -> None:
    text = hooks._section("../README.md", "Five minutes with your own documents", ROOT / "docs")
    assert "](contracts.md#documents-over-http)" in text
    assert "](docs/" not in text
    fenced = "[a](b.md)\n\n```python\nx[0](b.md)\n```\n"
    assert hooks._in_prose(fenced, str.upper) == "[A](B.MD)\n\n```python\nx[0](b.md)\n```\n"
