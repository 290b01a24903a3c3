"""From one model to another on a page: the estimate, a run that is killed and goes on, the comparison, the cut-over."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from browsing import MOST_SHIFT, shifts
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from console.web.work.background import Processes, command_of
from console.web.work.launching import Order

TOKEN = "token-of-the-tests-0123456789"
OLD, NEW = "wordllama-256", "all-MiniLM-L6-v2"
PATIENCE_S = 180


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def test_the_models_page_says_what_serves_and_what_is_declared(mara: Any) -> None:
    twin = {model["contract"]: model for model in mara.get("/reembeds.json").json()["models"]}
    assert (twin["handbook"]["served"], twin["handbook"]["declared"], twin["handbook"]["live"]) == (OLD, OLD, 3)
    assert (twin["drafts"]["served"], twin["drafts"]["live"], twin["drafts"]["under_way"]) == ("", None, 0)
    assert "/reembed?contract=handbook" in mara.get("/reembeds").text


def test_nothing_is_estimated_before_somebody_asks(mara: Any) -> None:
    twin = mara.get("/reembed.json", params={"contract": "handbook"}).json()
    assert (twin["estimate"], twin["compared"], twin["under_way"], twin["can"]) == (None, None, [], ["start"])
    page = mara.get("/reembed", params={"contract": "handbook"}).text
    assert "Never re-embedded" in page
    assert "stemma reembed handbook --estimate" in page


def test_an_estimate_says_what_the_command_line_says(mara: Any, site: Any) -> None:
    asked = {"contract": "handbook", "model": NEW, "rate": "2 chunks/s", "price": "0.5"}
    found = mara.get("/reembed.json", params=asked).json()["estimate"]
    told = site.project("reembed", "handbook", "--model", NEW, "--estimate", "--rate", "2 chunks/s", "--price", "0.5")
    figures = told["figures"]
    for name in ("segments", "chunks", "tokens", "distinct_texts", "tokens_to_embed", "rate_from"):
        assert found[name] == figures[name], name
    assert (found["seconds"], found["price"]) == (figures["seconds_estimated"], figures["price_estimated"])
    assert (found["same"], found["declared"], found["rate_from"]) == (False, False, "assumed")
    assert found["commands"]["shadow"] == f"stemma reembed handbook --model {NEW} --mode shadow --rate '2 chunks/s'"
    page = mara.get("/reembed", params=asked).text
    assert 'value="cutover" disabled' in page, "the contract does not declare the model"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"model": "no-such-model"}, "Unknown embedder &#39;no-such-model&#39;. Known: all-MiniLM-L6-v2"),
        ({"model": NEW, "rate": "fast"}, "Rate &#39;fast&#39; cannot be read"),
        ({"model": NEW, "price": "dear"}, "&#39;dear&#39; is no price"),
        ({"model": OLD}, "there is nothing to re-embed"),
    ],
)
def test_what_cannot_be_estimated_is_said_beside_the_form(mara: Any, asked: dict[str, str], says: str) -> None:
    answer = mara.get("/reembed", params={"contract": "handbook"} | asked)
    assert (answer.status_code, says in answer.text) == (200, True), answer.text
    assert "Start it" not in answer.text


def test_a_wrong_start_is_refused_with_the_reason_and_starts_nothing(mara: Any, site: Any) -> None:
    page = mara.get("/reembed", params={"contract": "handbook", "model": NEW}).text
    form = {"contract": "handbook", "model": NEW, "mode": "shadow", "reason": "to try", "csrf": _csrf(page)}
    cases = (
        (form | {"mode": "cutover"}, f"declares the model &#39;{OLD}&#39;, not &#39;{NEW}&#39;"),
        (form | {"model": "no-such-model"}, "unknown embedder"),
        (form | {"rate": "fast"}, "cannot be read"),
        (form | {"contract": "handbok"}, "Did you mean"),
    )
    for wrong, says in cases:
        answer = mara.post("/reembed/start", data=wrong, headers={"origin": site.url})
        assert answer.status_code == 303, answer.text
        assert says in mara.get("/reembed", params={"contract": "handbook"}).text, (wrong, says)
    blank = mara.post("/reembed/start", data=form | {"reason": "  "}, headers={"origin": site.url})
    assert (blank.status_code, "reason: write why you do this" in blank.text) == (400, True)
    assert mara.post("/reembed/start", data=form | {"csrf": "x"}, headers={"origin": site.url}).status_code == 403
    assert mara.post("/reembed/start", data=form, headers={"origin": "https://else.example"}).status_code == 403
    with site.client("") as stranger:
        for path in ("start", "stop", "abandon", "ask", "approve"):
            assert stranger.post(f"/reembed/{path}", data=form, headers={"origin": site.url}).status_code == 401
    for path, says in (("stop", "Nothing was stopped"), ("abandon", "no re-embed of"), ("ask", "in one space")):
        mara.post(f"/reembed/{path}", data=form, headers={"origin": site.url})
        assert says in mara.get("/reembed", params={"contract": "handbook"}).text, path
    assert mara.get("/reembed.json", params={"contract": "handbook"}).json()["before"] == []


def test_the_command_that_is_shown_is_the_one_that_runs(own: Any) -> None:
    order = Order(contract="it's", model=NEW, mode="shadow", rate="", reason="why; not", by="Mara")
    assert command_of(order) == f"stemma reembed 'it'\"'\"'s' --model {NEW} --mode shadow --reason 'why; not'"
    settings = type("Settings", (), {"project": own.project.folder})()
    work = Processes(settings)
    assert (work.going("it's"), work.stop("it's")) == (None, False)
    said = work.start(order)
    going = _until(lambda: (found := work.going("it's")) and not found.alive and found, 60)
    assert re.fullmatch(r"Process \d+ works on it: stemma reembed .*", said)
    assert (going.state, "no contract" in going.words) == ("failed", True), going


def _until(found: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.25)
    return value


@pytest.fixture
def story(own: Any, browser: Any) -> Iterator[Any]:
    """A signed-in person, and a way to ask the twin."""
    browser.get(f"{own.url}/sign-in")
    browser.find_element(By.ID, "name").send_keys("Mara")
    browser.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
    WebDriverWait(browser, 20).until(lambda found: "/corpus" in found.current_url)
    with own.client("Ute") as ute:

        def twin() -> Any:
            return ute.get("/reembed.json", params={"contract": "handbook"}).json()

        yield own, browser, ute, twin
        page = ute.get("/reembed", params={"contract": "handbook"}).text  # nothing is left at work behind a failure
        form = {"contract": "handbook", "reason": "the test is over", "csrf": _csrf(page)}
        ute.post("/reembed/stop", data=form, headers={"origin": own.url})


def _press(browser: Any, words: str) -> None:
    browser.find_element(By.XPATH, f"//button[normalize-space()='{words}']").click()


def test_from_an_estimate_over_a_kill_to_a_cut_over_that_a_second_person_approves(story: Any) -> None:
    _start_in_the_shadow(story)
    _kill_and_go_on(story)
    _compare(story)
    number = _cut_over_to_a_version_that_waits(story)
    _approve(story, number)
    own, browser, _, twin = story
    browser.get(f"{own.url}/reembed?contract=handbook")
    browser.find_element(By.ID, "cut").send_keys("approved, and it finds more")
    _press(browser, f"Move live to {NEW}")
    found = _until(lambda: (found := twin())["live"] == number and not found["under_way"] and found)
    assert (found["served"], found["compared"]["alias"], found["cut_over_to"]) == (NEW, "live", "")
    entries = own.project("audit", "list")["entries"]
    told = {(entry["action"], entry["actor"], entry["detail"].get("reason")) for entry in entries}
    assert ("reembed.begin", "Mara", "a better model, to be tried") in told
    assert ("alias.move", "Mara", "approved, and it finds more") in told
    assert ("version.approve", "Ute", "read the comparison") in told


def _wait(browser: Any) -> WebDriverWait[Any]:
    return WebDriverWait(browser, PATIENCE_S)


def _says(browser: Any, words: str) -> None:
    def said(found: Any) -> bool:
        return words in found.execute_script("return document.querySelector('main')?.textContent ?? ''")

    _wait(browser).until(said)


def _accessible(browser: Any) -> None:
    """Asks axe of the page as it is, at 390 px, and that it does not scroll sideways."""
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_script(files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text("utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    bad = [item["nodes"][0]["html"] for item in found["violations"] if item["impact"] in ("serious", "critical")]
    wide = browser.execute_script("const r = document.documentElement; return r.scrollWidth - r.clientWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert (bad, wide) == ([], 0)


def _start_in_the_shadow(story: Any) -> None:
    own, browser, _, _ = story
    browser.get(f"{own.url}/reembed?contract=handbook")
    browser.find_element(By.ID, "model").send_keys(NEW)
    browser.find_element(By.ID, "rate").send_keys("1 chunks/s")
    _press(browser, "Estimate")
    _wait(browser).until(lambda found: found.find_elements(By.ID, "why"))[0].send_keys("a better model, to be tried")
    _press(browser, "Start it")
    _says(browser, "works on it: stemma reembed handbook")


def _kill_and_go_on(story: Any) -> None:
    """While it is under way: a bar that renews itself in its place, and no second one. Then it is killed."""
    own, browser, ute, twin = story
    way = _until(lambda: next((way for way in twin()["under_way"] if way["chunks_done"]), None))
    assert (way["model"], way["by"], way["dual"], way["chunks"]) == (NEW, "Mara", True, 6)
    _wait(browser).until(lambda found: found.find_elements(By.CSS_SELECTOR, "[data-live] svg.progress"))
    page = ute.get("/reembed", params={"contract": "handbook", "watch": "1"}).text
    assert '<meta http-equiv="refresh" content="5">' in page, "without JavaScript"
    assert "Stop it" in page
    form = {"contract": "handbook", "model": NEW, "mode": "shadow", "reason": "me too", "csrf": _csrf(page)}
    ute.post("/reembed/start", data=form, headers={"origin": own.url})
    assert "works on &#39;handbook&#39; already" in ute.get("/reembed", params={"contract": "handbook"}).text
    os.kill(int(way["going"]["name"].split()[1]), signal.SIGKILL)
    [way] = _until(lambda: (found := twin())["under_way"] and "start" in found["can"] and found["under_way"])
    assert (way["going"]["state"], way["going"]["words"]) == ("stopped", "It was killed (SIGKILL).")
    assert 0 < way["chunks_done"] <= way["chunks"]
    _says(browser, "It was killed (SIGKILL).")
    assert browser.find_element(By.CSS_SELECTOR, ".way .badge").text == "stopped"
    browser.find_element(By.CSS_SELECTOR, "details.more summary").click()  # nothing renews itself while it is open
    _accessible(browser)
    _wait(browser).until(lambda found: found.find_elements(By.XPATH, "//button[normalize-space()='Go on']"))
    browser.find_element(By.CSS_SELECTOR, "details.more summary").click()
    browser.find_element(By.ID, "on-1").send_keys("the machine was restarted")
    _press(browser, "Go on")
    _until(lambda: (found := twin())["compared"] and found["can"] == ["start"])


def _compare(story: Any) -> None:
    """Both versions side by side; live is where it was, and the contract has to declare the model first."""
    own, browser, _, twin = story
    found = twin()
    compared = found["compared"]
    assert (compared["before"]["model"], compared["after"]["model"], compared["alias"]) == (OLD, NEW, "shadow")
    assert (compared["before"]["dimension"], compared["after"]["dimension"]) == (256, 384)
    assert (compared["parity"]["passed"], found["live"], found["served"]) == (True, 3, OLD)
    assert found["cut_over_to"] == ""
    browser.get(f"{own.url}/reembed?contract=handbook")
    _says(browser, f"Declare {NEW} in it")
    browser.find_element(By.LINK_TEXT, "Measure which neighbours stay").click()
    _wait(browser).until(lambda found: found.find_elements(By.ID, "kept"))
    browser.find_element(By.ID, "asking").send_keys("before we decide")
    _press(browser, "Ask both the golden questions")
    _says(browser, "has no golden item")
    _accessible(browser)


def _cut_over_to_a_version_that_waits(story: Any) -> int:
    """The contract declares the model, and asks for somebody else's approval."""
    own, browser, _, twin = story
    path = own.project.folder / "contracts" / "handbook.odcs.yaml"
    text = path.read_text("utf-8").replace(OLD, NEW).replace("dimensions: 256", "dimensions: 384")
    text = text.replace("version: 1.0.0", "version: 2.0.0", 1)
    path.write_text(text + "  - property: ragApprovals\n    vendor: stemma\n    value: {persons: 1}\n")
    browser.get(f"{own.url}/reembed?contract=handbook&model={NEW}")
    _wait(browser).until(lambda found: found.find_elements(By.ID, "straight"))[0].click()
    browser.find_element(By.ID, "why").send_keys("it finds more")
    _press(browser, "Start it")
    found = _until(lambda: {"approve", "start"} <= set((found := twin())["can"]) and found)
    number = int(found["compared"]["after"]["version"])
    assert (number, found["live"], found["under_way"][0]["phase"], found["cut_over_to"]) == (5, 3, "waiting", "")
    return number


def _approve(story: Any, number: int) -> None:
    own, browser, ute, twin = story
    browser.get(f"{own.url}/reembed?contract=handbook")
    assert browser.find_elements(By.CSS_SELECTOR, "[data-live]")
    shift, moved = shifts(browser)
    assert shift < MOST_SHIFT, f"what renews itself shifts by {shift}: {moved}"
    browser.find_element(By.ID, "approve").send_keys("I built it myself")
    _press(browser, f"Approve version {number}")
    _says(browser, "somebody else has to approve it")
    page = ute.get("/reembed", params={"contract": "handbook"}).text
    form = {"contract": "handbook", "version": str(number), "reason": "read the comparison", "csrf": _csrf(page)}
    form["sha256"] = twin()["compared"]["after"]["sha256"]
    assert f'name="sha256" value="{form["sha256"]}"' in page
    ute.post("/reembed/approve", data=form, headers={"origin": own.url})
    found = twin()
    assert found["compared"]["approvals"]["by"] == ["Ute"]
    assert (found["cut_over_to"], "cutover" in found["can"]) == (NEW, True)
