"""`stemma reembed`: cost first, a limit, giving up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from serving import serving

from corpus.receipts import Receipt
from index.embedders.registry import load_embedder
from ingestion import pipeline

NAME = "handbook"
SHADOW = ("--model", "all-MiniLM-L6-v2", "--mode", "shadow")


def test_the_estimate_is_priced_and_repeats_what_to_type(ingested: Any) -> None:
    found = ingested.json("reembed", NAME, "--estimate", *SHADOW, "--price", "0.02", "--rate", "1 chunks/s")
    figures = found["figures"]
    assert figures["price_estimated"] == round(figures["tokens_to_embed"] * 0.02 / 1e6, 4)
    assert (figures["rate"], figures["seconds_estimated"]) == ("1 chunks/s", 2.0)
    assert figures["rate_from"] == "assumed"
    assert found["next"] == f"stemma reembed {NAME} --model all-MiniLM-L6-v2 --mode shadow --rate '1 chunks/s'"


def test_the_price_is_what_the_endpoint_declares_unless_another_is_given(ingested: Any) -> None:
    with serving(load_embedder("wordllama-256").embed) as server:
        declared = {
            "provider": "tests",
            "url": server.url,
            "model": "m",
            "dimension": 256,
            "price_per_million_tokens": 4,
        }
        lines = [f"{name} = {value!r}" for name, value in declared.items()]
        with (ingested.folder / "stemma.toml").open("a") as settings:
            settings.write("\n".join(["", "[embedders.priced]", *lines, ""]))
        ingested("contract", "new", "other", "--path", "docs/*.md", "--model", "remote:priced")
        assert "dimensions: 256" in (ingested.folder / "contracts" / "other.odcs.yaml").read_text()
        unknown = ingested("contract", "new", "third", "--path", "docs/*.md", "--model", "remote:shelf", code=2)
        assert "Declared: remote:priced" in unknown.err
        asked = ("reembed", NAME, "--estimate", "--model", "remote:priced", "--mode", "shadow")
        figures = ingested.json(*asked)["figures"]
        assert figures["price_estimated"] == round(figures["tokens_to_embed"] * 4 / 1e6, 4) > 0
        assert "price_estimated" not in ingested.json(*asked, "--price", "0")["figures"]


@pytest.mark.parametrize("rate", ["fast", "-3", "0 chunks/s"])
def test_a_rate_that_is_none_changes_nothing(ingested: Any, rate: str) -> None:
    before = ingested.json("index", "list")
    refused = ingested("reembed", NAME, *SHADOW, f"--rate={rate}", code=2)
    assert "'50 chunks/s'" in refused.err
    assert ingested.json("index", "list") == before
    assert "under_way_since" not in ingested.json("reembed", NAME, "--estimate", *SHADOW)["figures"]


def test_giving_up_is_logged_and_needs_something_to_give_up(ingested: Any) -> None:
    refused = ingested("reembed", NAME, *SHADOW, "--abandon", code=2)
    assert "Under way: none" in refused.err
    ingested("reembed", NAME, *SHADOW, "--rate", "1000 chunks/s")
    assert "Under way: none" in ingested("reembed", NAME, *SHADOW, "--abandon", code=2).err, "it is finished"


def test_a_cut_over_that_does_not_move_live_says_how_it_gets_there(ingested: Any, monkeypatch: Any) -> None:
    def stopped(status: str) -> str:
        done = Receipt(stage="reembed", contract=NAME, run_id="r", key=NAME, figures={"status": status})
        monkeypatch.setattr(pipeline, "reembed", lambda *_given, **_named: done)
        return str(ingested.json("reembed", NAME)["next"])

    assert stopped("held") == f"stemma index release {NAME} --model wordllama-256 --force --reason '...'"
    assert stopped("waiting-for-approval") == f"stemma index approvals {NAME}"
    assert stopped("published") == f"stemma index diff {NAME}"


def test_a_refusal_is_said_once_and_not_logged_before(ingested: Any) -> None:
    command = [str(Path(sys.executable).with_name("stemma")), "index", "release", NAME, "--force"]
    refused = subprocess.run(command, cwd=ingested.folder, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: a forced release needs a reason")
