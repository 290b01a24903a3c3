"""A real Chromium: signing in, triage from the keyboard, and what axe says of each page, wide and narrow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

TOKEN = "token-of-the-tests-0123456789"
PAGES = (
    "/sign-in?next=/corpus",
    "/nowhere",
    "/corpus",
    "/source?contract=handbook",
    "/source?contract=drafts",
    "/quarantine?contract=inbox",
    "/quarantine?contract=drafts",
    "/held?contract=inbox&id=offer.html",
    "/split?contract=inbox&id=offer.html",
    "/review?contract=handbook",
    "/documents?contract=handbook",
    "/document?contract=handbook&id=refunds.md",
    "/document?contract=handbook&id=kettles.md&score=explained",
)
"""What is looked at by axe, at 390 px and in both schemes."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium with the driver of the same package; nothing is downloaded."""
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
    ):
        options.add_argument(argument)
    found = webdriver.Chrome(options=options, service=Service(driver))
    yield found
    found.quit()


def _sign_in(browser: Any, url: str, name: str = "Mara", token: str = TOKEN) -> None:
    browser.get(f"{url}/sign-in")
    browser.find_element(By.ID, "name").send_keys(name)
    browser.find_element(By.ID, "token").send_keys(token, Keys.ENTER)


def _at(browser: Any, path: str) -> None:
    WebDriverWait(browser, 20).until(lambda found: urlsplit(found.current_url).path == path)


def _press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def test_a_wrong_token_is_refused_and_the_right_one_leads_where_one_wanted_to_go(browser: Any, site: Any) -> None:
    browser.get(f"{site.url}/source?contract=handbook")
    _at(browser, "/sign-in")
    browser.find_element(By.ID, "name").send_keys("Mara")
    browser.find_element(By.ID, "token").send_keys("not the token of this console", Keys.ENTER)
    problem = WebDriverWait(browser, 20).until(lambda found: found.find_element(By.ID, "problem"))
    assert "That is not the token" in problem.text
    assert browser.find_element(By.ID, "name").get_attribute("value") == "Mara"
    browser.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
    _at(browser, "/source")
    assert browser.find_element(By.TAG_NAME, "h1").text == "handbook"


def test_every_page_is_accessible_and_fits_narrow_and_wide_light_and_dark(browser: Any, site: Any) -> None:
    _sign_in(browser, site.url)
    _at(browser, "/corpus")
    found: list[str] = []
    axe = files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text("utf-8")
    for width in (1280, 390):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for scheme in ("light", "dark"):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
            for path in PAGES:
                browser.get(f"{site.url}{path}")
                found += [f"{path} at {width} {scheme}: {words}" for words in _problems(browser, axe)]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert found == []


def _problems(browser: Any, axe: str) -> Iterator[str]:
    wide, room = browser.execute_script(
        "const root = document.documentElement; return [root.scrollWidth, root.clientWidth];"
    )
    if wide > room:
        yield f"scrolls sideways: {wide} in {room}"
    if browser.execute_script(
        "return document.querySelectorAll('script:not([src]), style, [style], [onclick]').length"
    ):
        yield "holds an inline script or style"
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 5
    for violation in found["violations"]:
        if violation["impact"] in ("serious", "critical"):
            yield f"{violation['id']}: {violation['nodes'][0]['html'][:160]}"


def test_a_held_document_is_found_read_and_released_from_the_keyboard(browser: Any, own: Any) -> None:
    _sign_in(browser, own.url)
    _at(browser, "/corpus")
    _press(browser, "g", "q")
    _at(browser, "/quarantine")
    _press(browser, "j", "j")
    assert browser.switch_to.active_element.text == "returns.md"
    _press(browser, "k")
    assert browser.switch_to.active_element.text == "kettles.md"
    _press(browser, Keys.ENTER)
    _at(browser, "/held")
    mark = browser.find_element(By.CSS_SELECTOR, "mark.answer")
    assert "You may return a kettle" in mark.text
    _press(browser, "n")
    WebDriverWait(browser, 20).until(lambda found: found.find_element(By.TAG_NAME, "h1").text == "returns.md")
    _press(browser, "r")
    assert browser.switch_to.active_element.get_attribute("id") == "reason"
    _press(browser, "checked with the owner j k g q")
    assert urlsplit(browser.current_url).path == "/held", "letters of a reason are no keys"
    _press(browser, Keys.TAB)
    assert browser.switch_to.active_element.text == "Release"
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    _press(browser, Keys.ENTER)
    _at(browser, "/quarantine")
    said = browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert said.startswith("returns.md is released.")
    assert "waits for an ingest" in browser.find_element(By.TAG_NAME, "table").text
    shown = own.project("quarantine", "show", "handbook", "returns.md")
    assert (shown["override"]["actor"], shown["override"]["reason"]) == ("Mara", "checked with the owner j k g q")
    own.project("ingest", "handbook")
    _press(browser, "g", "c")
    _at(browser, "/corpus")
    browser.get(f"{own.url}/document?contract=handbook&id=returns.md")
    assert "active" in browser.find_element(By.CSS_SELECTOR, ".lead").text
    assert parse_qs(urlsplit(browser.current_url).query)["id"] == ["returns.md"]


def test_a_held_document_is_split_and_only_what_is_kept_comes_in(browser: Any, own: Any) -> None:
    own.project.write("docs/kettles.md", own.project.folder.joinpath("docs/kettles.md").read_text() + _MORE)
    own.project("ingest", "handbook", codes=(0, 1))
    _sign_in(browser, own.url)
    _at(browser, "/corpus")
    browser.get(f"{own.url}/held?contract=handbook&id=kettles.md")
    browser.find_element(By.LINK_TEXT, "Split\u2026").click()
    _at(browser, "/split")
    boxes = browser.find_elements(By.CSS_SELECTOR, ".piece input[type=checkbox]")
    assert [box.is_selected() for box in boxes] == [True, False, True], "what repeats an answer is proposed to go"
    assert "sixty days" in browser.find_element(By.CSS_SELECTOR, ".piece mark.answer").text
    boxes[0].click()
    _press(browser, "r")
    assert browser.switch_to.active_element.get_attribute("type") == "checkbox", "no key works in a form"
    browser.find_element(By.ID, "reason").send_keys("the answer came back")
    browser.find_element(By.CSS_SELECTOR, ".deciding button.primary").click()
    _at(browser, "/quarantine")
    assert "kettles.md is split" in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    own.project("ingest", "handbook")
    browser.get(f"{own.url}/document?contract=handbook&id=kettles.md")
    assert "active" in browser.find_element(By.CSS_SELECTOR, ".lead").text
    text = browser.find_element(By.CSS_SELECTOR, ".text").text
    assert "descaled twice" in text
    assert "sixty days" not in text
    assert "characters left out" in text
    assert browser.find_elements(By.CSS_SELECTOR, ".badge.bad") == [], "spans are exact"


_MORE = """
## Care

A kettle is descaled twice a year, with vinegar or with citric acid, and is then rinsed three times with cold water.
"""
