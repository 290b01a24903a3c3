"""A real Chromium: signing in, and what people do with the keyboard from page to page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from browsing import TOKEN, at, press, said, sign_in
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait


def test_a_wrong_token_is_refused_and_the_right_one_leads_where_one_wanted_to_go(browser: Any, site: Any) -> None:
    browser.get(f"{site.url}/source?contract=handbook")
    at(browser, "/sign-in")
    browser.find_element(By.ID, "name").send_keys("Mara")
    browser.find_element(By.ID, "token").send_keys("not the token of this console", Keys.ENTER)
    problem = WebDriverWait(browser, 20).until(lambda found: found.find_element(By.ID, "problem"))
    assert "That is not the token" in problem.text
    assert browser.find_element(By.ID, "name").get_attribute("value") == "Mara"
    browser.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
    at(browser, "/source")
    assert browser.find_element(By.TAG_NAME, "h1").text == "handbook"


def test_a_held_document_is_found_read_and_released_from_the_keyboard(browser: Any, own: Any) -> None:
    sign_in(browser, own.url)
    at(browser, "/corpus")
    press(browser, "g", "q")
    at(browser, "/quarantine")
    press(browser, "j", "j")
    assert browser.switch_to.active_element.text == "returns.md"
    press(browser, "k")
    assert browser.switch_to.active_element.text == "kettles.md"
    press(browser, Keys.ENTER)
    at(browser, "/held")
    mark = browser.find_element(By.CSS_SELECTOR, "mark.answer")
    assert "You may return a kettle" in mark.text
    press(browser, "n")
    WebDriverWait(browser, 20).until(lambda found: found.find_element(By.TAG_NAME, "h1").text == "returns.md")
    press(browser, "r")
    assert browser.switch_to.active_element.get_attribute("id") == "reason"
    press(browser, "checked with the owner j k g q")
    assert urlsplit(browser.current_url).path == "/held", "letters of a reason are no keys"
    press(browser, Keys.TAB)
    assert browser.switch_to.active_element.text == "Release"
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"
    press(browser, Keys.ENTER)
    at(browser, "/quarantine")
    told = browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert told.startswith("returns.md is released.")
    assert "waits for an ingest" in browser.find_element(By.TAG_NAME, "table").text
    shown = own.project("quarantine", "show", "handbook", "returns.md")
    assert (shown["override"]["actor"], shown["override"]["reason"]) == ("Mara", "checked with the owner j k g q")
    own.project("ingest", "handbook")
    press(browser, "g", "c")
    at(browser, "/corpus")
    browser.get(f"{own.url}/document?contract=handbook&id=returns.md")
    assert "active" in browser.find_element(By.CSS_SELECTOR, ".lead").text
    assert parse_qs(urlsplit(browser.current_url).query)["id"] == ["returns.md"]


def test_a_version_is_approved_released_and_rolled_back_from(browser: Any, versions_own: Any) -> None:
    sign_in(browser, versions_own.url)
    at(browser, "/corpus")
    browser.find_element(By.PARTIAL_LINK_TEXT, "waits to be approved").click()
    at(browser, "/version")
    assert browser.find_element(By.TAG_NAME, "h1").text == "v000006"
    assert not browser.find_elements(By.ID, "promote"), "nobody can release what is not approved"
    press(browser, "a")
    assert browser.switch_to.active_element.get_attribute("id") == "approve-reason"
    press(browser, "answers of the golden set read", Keys.TAB, Keys.ENTER)
    said(browser, "You approved v000006.")
    press(browser, "r")
    press(browser, "approved", Keys.TAB)
    assert browser.switch_to.active_element.text == "Make it live"
    press(browser, Keys.ENTER)
    said(browser, "v000006 is live.")
    assert "live" in browser.find_element(By.CSS_SELECTOR, ".lead .badge").text
    press(browser, "g", "i")
    at(browser, "/index")
    press(browser, "j", "j")
    assert browser.switch_to.active_element.text == "v000005"
    press(browser, Keys.ENTER)
    at(browser, "/version")
    press(browser, "r")
    press(browser, "answers got worse", Keys.TAB)
    assert browser.switch_to.active_element.text == "Roll back to it"
    press(browser, Keys.ENTER)
    said(browser, "v000005 is live again; v000006 is not.")
    press(browser, "u")
    at(browser, "/index")
    first = browser.find_element(By.CSS_SELECTOR, ".timeline li")
    assert "v000006 rolled back" in " ".join(first.text.split())
    first.find_element(By.PARTIAL_LINK_TEXT, "what changed").click()
    at(browser, "/diff")
    assert "What changed from v000005 to v000006" in browser.find_element(By.TAG_NAME, "h1").text
    moves = versions_own.project("audit", "list")["entries"]
    assert [(entry["action"], entry["actor"], entry["detail"]["reason"]) for entry in moves[:3]] == [
        ("alias.move", "Mara", "answers got worse"),
        ("alias.move", "Mara", "approved"),
        ("version.approve", "Mara", "answers of the golden set read"),
    ]
    served = versions_own.project("index", "show", "handbook", "live")
    assert served["number"] == 5


def test_an_index_is_asked_from_the_keyboard_and_two_versions_stand_side_by_side(browser: Any, site: Any) -> None:
    sign_in(browser, site.url)
    at(browser, "/corpus")
    press(browser, "g", "s")
    at(browser, "/query")
    Select(browser.find_element(By.ID, "contract")).select_by_visible_text("handbook")
    browser.find_element(By.CSS_SELECTOR, ".choose button").click()
    WebDriverWait(browser, 20).until(lambda found: "contract=handbook" in found.current_url)
    browser.find_element(By.TAG_NAME, "h1").click()
    press(browser, "/")
    assert browser.switch_to.active_element.get_attribute("id") == "q"
    press(browser, "how long may a customer ask for a refund?", Keys.ENTER)
    first = WebDriverWait(browser, 60).until(lambda found: found.find_element(By.CSS_SELECTOR, ".hits li"))
    assert "refunds.md" in first.text
    assert "origin unknown" in first.text
    Select(browser.find_element(By.ID, "other")).select_by_value("1")
    browser.find_element(By.CSS_SELECTOR, ".asking .send button").click()
    WebDriverWait(browser, 60).until(lambda found: len(found.find_elements(By.CSS_SELECTOR, ".sides.two section")) == 2)
    assert "thirty" in browser.find_elements(By.CSS_SELECTOR, ".sides section")[1].text
    asked = parse_qs(urlsplit(browser.current_url).query)
    assert (asked["q"], asked["other"]) == (["how long may a customer ask for a refund?"], ["1"]), (
        "it can be sent to others"
    )
    browser.find_element(By.TAG_NAME, "h1").click()
    press(browser, "j", Keys.ENTER)
    at(browser, "/document")
    assert "refunds.md" in browser.find_element(By.TAG_NAME, "h1").text + browser.current_url


def test_forty_contracts_are_chosen_from_one_way_on_every_page_without_a_script(browser: Any, own: Any) -> None:
    folder = own.project.folder / "contracts"
    drafts = (folder / "drafts.odcs.yaml").read_text("utf-8")
    for number in range(37):
        name = f"contract-with-a-long-name-of-a-department-number-{number:02d}"
        (folder / f"{name}.odcs.yaml").write_text(drafts.replace("drafts", name), "utf-8")
    sign_in(browser, own.url)
    at(browser, "/corpus")
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        for path, goal, offered in (
            ("/index?contract=inbox", "handbook", 40),
            ("/documents?contract=inbox", name, 40),
            ("/query?contract=inbox&q=order", name, 40),
            ("/quarantine?contract=inbox", "handbook", 2),
        ):
            browser.get(f"{own.url}{path}")
            chooser = Select(browser.find_element(By.CSS_SELECTOR, ".choose select"))
            assert (len(chooser.options), chooser.first_selected_option.get_attribute("value")) == (offered, "inbox")
            assert browser.find_element(By.TAG_NAME, "html").rect["width"] <= 390, path
            assert browser.find_element(By.CSS_SELECTOR, ".choose").rect["width"] <= 390, path
            chooser.select_by_value(goal)
            browser.find_element(By.CSS_SELECTOR, ".choose button").click()
            WebDriverWait(browser, 20).until(lambda found, goal=goal: f"contract={goal}" in found.current_url)
            assert "q=order" in browser.current_url or "q=order" not in path
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_change_is_tried_without_a_script_and_a_mistake_keeps_what_was_typed(browser: Any, site: Any) -> None:
    sign_in(browser, site.url)
    at(browser, "/corpus")
    press(browser, "g", "k")
    at(browser, "/contracts")
    browser.find_element(By.LINK_TEXT, "handbook").click()
    at(browser, "/contract")
    browser.find_element(By.LINK_TEXT, "Try a change").click()
    at(browser, "/change")
    _paste(browser, "rule: quality_score", "rule: qualty_score")
    Select(browser.find_element(By.ID, "sample")).select_by_value("0")
    browser.find_element(By.CSS_SELECTOR, "form.stack button.primary").click()
    wrong = WebDriverWait(browser, 30).until(lambda found: found.find_element(By.CSS_SELECTOR, ".problems li"))
    assert "Did you mean 'quality_score'?" in wrong.text
    assert "rule: qualty_score" in browser.find_element(By.ID, "yaml").get_attribute("value")
    _paste(browser, "rule: qualty_score", "rule: quality_score")
    _paste(browser, "mustBeGreaterOrEqualTo: 0.5", "mustBeGreaterOrEqualTo: 0.6")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        Select(browser.find_element(By.ID, "sample")).select_by_value("20")
        browser.find_element(By.CSS_SELECTOR, "form.stack button.primary").click()
        told = WebDriverWait(browser, 120).until(lambda found: found.find_element(By.CSS_SELECTOR, ".change.breaking"))
        assert "at least 0.5" in told.text
        assert "at least 0.6" in told.text
        assert "7 of 7 documents" in browser.find_element(By.TAG_NAME, "main").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def _paste(browser: Any, before: str, after: str) -> None:
    """Changes the text as a person who pastes one: typing thousands of letters takes a minute."""
    browser.execute_script(
        "const area = document.getElementById('yaml'); area.value = area.value.replace(arguments[0], arguments[1]);",
        before,
        after,
    )


def test_a_held_document_is_split_and_only_what_is_kept_comes_in(browser: Any, own: Any) -> None:
    own.project.write("docs/kettles.md", own.project.folder.joinpath("docs/kettles.md").read_text() + _MORE)
    own.project("ingest", "handbook", codes=(0, 1))
    sign_in(browser, own.url)
    at(browser, "/corpus")
    browser.get(f"{own.url}/held?contract=handbook&id=kettles.md")
    browser.find_element(By.LINK_TEXT, "Split\u2026").click()
    at(browser, "/split")
    boxes = browser.find_elements(By.CSS_SELECTOR, ".piece input[type=checkbox]")
    assert [box.is_selected() for box in boxes] == [True, False, True], "what repeats an answer is proposed to go"
    assert "sixty days" in browser.find_element(By.CSS_SELECTOR, ".piece mark.answer").text
    boxes[0].click()
    press(browser, "r")
    assert browser.switch_to.active_element.get_attribute("type") == "checkbox", "no key works in a form"
    browser.find_element(By.ID, "reason").send_keys("the answer came back")
    browser.find_element(By.CSS_SELECTOR, ".deciding button.primary").click()
    at(browser, "/quarantine")
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
