"""Takes the pictures of the documentation: pages of the tests' own project in a real Chromium.

Usage: python tests/console/web/pictures.py

Writes `docs/pictures/*.png`, 1280 px wide, with 96 colours. Needs chromium, chromedriver and Pillow.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[3]), str(Path(__file__).parent)]

from conftest import QUIET, ROOT, TOKEN, build, build_versions, chromium, serving  # noqa: E402
from PIL import Image  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

PICTURES = {
    "corpus": ("/corpus", 900),
    "held": ("/held?contract=inbox&id=offer.html", 900),
    "index": ("/index?contract=handbook", 900),
}
"""Name of a picture to its page and its height, px."""


def main() -> int:
    """Makes the project, serves it, and takes each picture."""
    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    os.environ |= QUIET | {"STEMMA_ACTOR": "builder"}
    with tempfile.TemporaryDirectory() as scratch:
        project = build(Path(scratch))
        build_versions(project)
        with serving(project, console_token=TOKEN) as site, chromium() as browser:
            browser.get(f"{site.url}/sign-in")
            browser.find_element(By.ID, "name").send_keys("Mara Lind")
            browser.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
            for name, (path, height) in PICTURES.items():
                size = {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False}
                browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                browser.get(f"{site.url}{path}")
                shown = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
                shown.quantize(96, Image.Quantize.MAXCOVERAGE).save(folder / f"{name}.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
