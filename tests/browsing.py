"""What the browser tests of the console share: signing in, keys, and a look at a page as axe and its layout tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

TOKEN = "token-of-the-tests-0123456789"
MOST_SHIFT = 0.01
"""Layout shift of a page that is let pass: a tenth of what https://web.dev/articles/cls calls good."""
_SLOW = {"offline": False, "latency": 5, "downloadThroughput": 400_000, "uploadThroughput": 400_000}
"""A page comes in pieces, bytes a second: what is laid out anew when the rest is there is seen."""
_FULL = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
_SHIFTS = """
const [done, seen] = [arguments[arguments.length - 1], []];
const note = (entries) => entries.filter((entry) => !entry.hadRecentInput).forEach((entry) => seen.push(entry));
const watching = new PerformanceObserver((list) => note(list.getEntries()));
watching.observe({ type: "layout-shift", buffered: true });
const frame = () => new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
const renewed = () => performance.getEntriesByType("resource").some((entry) => entry.initiatorType === "fetch");
(async () => {
  await document.fonts.ready;
  if (document.querySelector("[data-live]")) {
    for (const end = performance.now() + 8000; !renewed() && performance.now() < end; ) await frame();
    if (!renewed()) throw new Error("nothing was renewed");
  }
  await frame(); await frame(); await frame();
  note(watching.takeRecords());
  const moved = seen.flatMap((entry) => entry.sources.map((source) => (source.node?.outerHTML ?? "?").slice(0, 120)));
  done([seen.reduce((sum, entry) => sum + entry.value, 0), [...new Set(moved)].slice(0, 3).join(" | ")]);
})().catch((error) => done([1, String(error)]));
"""


def sign_in(browser: Any, url: str, name: str = "Mara", token: str = TOKEN) -> None:
    """Fills in the form and sends it."""
    browser.get(f"{url}/sign-in")
    browser.find_element(By.ID, "name").send_keys(name)
    browser.find_element(By.ID, "token").send_keys(token, Keys.ENTER)


def at(browser: Any, path: str) -> None:
    """Waits until the browser is on a page."""
    WebDriverWait(browser, 20).until(lambda found: urlsplit(found.current_url).path == path)


def press(browser: Any, *keys: str) -> None:
    """Types keys, each to what has the focus by then."""
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def said(browser: Any, words: str) -> None:
    """Waits until the page says at its top how an action ended."""
    WebDriverWait(browser, 60).until(
        lambda found: any(item.text.startswith(words) for item in found.find_elements(By.CSS_SELECTOR, "[role=status]"))
    )


def troubles(browser: Any, url: str, paths: Sequence[str], views: Sequence[tuple[int, str]]) -> list[str]:
    """Returns what is wrong with pages, each looked at in windows of some width and scheme, with nothing cached."""
    found: list[str] = []
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    for width, scheme in views:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", _SLOW if scheme == "light" else _FULL)
        for path in paths:
            browser.get(f"{url}{path}")
            found += [f"{path} at {width} {scheme}: {words}" for words in problems(browser)]
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Network.disable", {})
    return found


def problems(browser: Any) -> Iterator[str]:
    """Yields what is wrong with the page that is shown; the look at its layout comes first, since axe scrolls."""
    shift, moved = shifts(browser)
    if shift >= MOST_SHIFT:
        yield f"shifts by {shift:.4f}: {moved}"
    wide, room = browser.execute_script(
        "const root = document.documentElement; return [root.scrollWidth, root.clientWidth];"
    )
    if wide > room:
        yield f"scrolls sideways: {wide} in {room}"
    if browser.execute_script(
        "return document.querySelectorAll('script:not([src]), style, [style], [onclick]').length"
    ):
        yield "holds an inline script or style"
    browser.execute_script(_axe())
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert len(found["passes"]) > 5
    for violation in found["violations"]:
        if violation["impact"] in ("serious", "critical"):
            yield f"{violation['id']}: {violation['nodes'][0]['html'][:160]}"


def shifts(browser: Any) -> tuple[float, str]:
    """Returns how far a page's layout shifted since it was asked for, by itself, and what moved.

    Waits for fonts, and where parts of it renew themselves, until they did once. The sum of all shifts: Cumulative
    Layout Shift, which takes the worst five seconds of them, is never more.
    """
    value, moved = browser.execute_async_script(_SHIFTS)
    return float(value), str(moved)


@cache
def _axe() -> str:
    return files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text("utf-8")
