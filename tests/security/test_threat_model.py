"""The page on security: every row of attacks names a test, and every test file of this folder and of `web` is named."""

from __future__ import annotations

import re

from docs.pages import ROOT, page

SECTION = page("docs/security.md").text.partition("## Borders, attacks, defences")[2].partition("\n## ")[0]


def test_every_attack_names_a_test_that_is_there() -> None:
    rows = [
        line for line in SECTION.splitlines() if line.startswith("| ") and not line.startswith(("| attack", "|---"))
    ]
    assert len(rows) >= 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row.split("|")[3])
        assert named, row
        for path, test in named:
            assert (ROOT / path).is_file(), path
            assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), (path, test)


def test_every_test_of_security_is_on_the_page() -> None:
    files = [path for folder in ("security", "web") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    missing = [path.name for path in files if path.name not in SECTION and path.name != "test_threat_model.py"]
    assert missing == []
