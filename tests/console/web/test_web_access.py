"""Who may come in: the token, the proxy's header, forms of others, addresses that strangers reach."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from docs.pages import page

from console.cli.main import main

TOKEN = "token-of-the-tests-0123456789"


def test_nobody_reads_anything_without_signing_in(site: Any) -> None:
    with site.client("") as client:
        for path in ("/", "/corpus", "/source?contract=handbook"):
            answer = client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/sign-in?next=")
        for path in ("/corpus.json", "/source.json?contract=handbook", "/openapi.json"):
            answer = client.get(path)
            assert answer.status_code == 401, path
            assert "handbook" not in answer.text
        refused = client.post("/sign-in", data={"name": "Mara", "token": "x" * 29}, headers={"origin": site.url})
        assert refused.status_code == 403
        assert "That is not the token" in refused.text
        assert client.get("/corpus").status_code == 303
        form = {"contract": "inbox", "id": "offer.html", "sha256": "0" * 64, "reason": "x"}
        ended = client.post("/held/release", data=form, headers={"origin": site.url})
        assert (ended.status_code, "Nothing was done. Sign in, go back" in ended.text) == (401, True)
        forged = client.get("/corpus", headers={"cookie": "stemma_session=WyJNYXJhIiwieCJd.aUrf1A.AAAA"})
        assert forged.status_code == 303


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(site: Any) -> None:
    with site.client("") as client:
        form = {"name": " Mara  Lind ", "token": TOKEN, "next": "/source?contract=handbook"}
        answer = client.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"})
        assert answer.headers["location"] == "/source?contract=handbook"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN.lower() not in cookie
        assert "Mara Lind" in client.get("/corpus").text
    with site.client("") as client:
        for away in ("https://example.org/", "//example.org/", "/\\example.org"):
            gone = client.post("/sign-in", data={**form, "next": away}, headers={"origin": site.url})
            assert gone.headers["location"] == "/corpus", away
        blank = client.post("/sign-in", data={**form, "name": "M\u200bara"}, headers={"origin": site.url})
        assert blank.status_code == 403
        assert "a name is needed" in blank.text


def test_forms_of_other_sites_and_other_sessions_are_refused(site: Any) -> None:
    with site.client("") as client:
        form = {"name": "Mara", "token": TOKEN}
        for headers in ({"origin": "https://example.org"}, {"sec-fetch-site": "cross-site"}, {}):
            assert client.post("/sign-in", data=form, headers=headers).status_code == 403
    with site.client() as mara, site.client("Ines") as ines:
        page = ines.get("/corpus").text
        sealed = page.split('name="csrf" value="')[1].split('"')[0]
        other = mara.post("/sign-out", data={"csrf": sealed}, headers={"origin": site.url})
        assert other.status_code == 403
        assert "This form is too old" in other.text
        assert mara.post("/sign-out", data={"csrf": ""}, headers={"origin": site.url}).status_code == 403
        assert mara.get("/corpus").status_code == 200
        done = ines.post("/sign-out", data={"csrf": sealed}, headers={"origin": site.url})
        assert done.headers["location"] == "/sign-in"
        assert ines.get("/corpus").status_code == 303


def test_programs_read_twins_with_the_token(site: Any) -> None:
    with httpx2.Client(base_url=site.url, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        assert client.get("/corpus.json").json()["documents"] == 6
        assert client.post("/sign-out", data={"csrf": ""}, headers={"origin": site.url}).status_code == 403
    wrong = httpx2.get(f"{site.url}/corpus.json", headers={"authorization": f"Bearer {TOKEN}x"})
    assert wrong.status_code == 401
    assert wrong.headers["content-type"] == "application/problem+json"


def test_every_answer_carries_the_policy(mara: Any) -> None:
    for path in ("/corpus", "/corpus.json", "/sign-in", "/nowhere", "/static/console.css"):
        headers = mara.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        if not path.startswith("/static"):
            assert headers["cache-control"] == "no-store"


def test_a_proxy_is_believed_only_at_its_address(home: Any, serve: Any) -> None:
    with serve(home, console_user_header="X-Forwarded-User") as site:
        assert not any(line.startswith("token") for line in site.said)
        named = httpx2.get(f"{site.url}/corpus", headers={"x-forwarded-user": "ines@example.org"})
        assert named.status_code == 200
        assert "ines@example.org" in named.text
        assert "Sign out" not in named.text
        nobody = httpx2.get(f"{site.url}/corpus")
        assert nobody.status_code == 401
        assert "reverse proxy" in nobody.text
        twice = httpx2.get(f"{site.url}/corpus", headers=[("x-forwarded-user", "a"), ("x-forwarded-user", "b")])
        assert twice.status_code == 401
        assert httpx2.get(f"{site.url}/sign-in").status_code == 404
    with serve(home, console_user_header="X-Forwarded-User", console_proxies="10.0.0.0/8") as site:
        assert httpx2.get(f"{site.url}/corpus", headers={"x-forwarded-user": "ines"}).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("--host", "0.0.0.0"), {}, "nothing keeps strangers out"),
        ((), {"STEMMA_CONSOLE_TOKEN": "short"}, "needs 16"),
        ((), {"STEMMA_CONSOLE_TOKEN": TOKEN, "STEMMA_CONSOLE_USER_HEADER": "X-User"}, "both set"),
        ((), {"STEMMA_CONSOLE_USER_HEADER": "X-User", "STEMMA_CONSOLE_PROXIES": "proxy"}, "no address and no network"),
    ],
)
def test_it_does_not_start_where_it_would_be_open_or_broken(
    home: Any, arguments: tuple[str, ...], settings: dict[str, str], words: str, capsys: Any, monkeypatch: Any
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", *arguments, "--port", "0", "--project", str(home.folder)]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_taken_port_is_said(site: Any, home: Any, capsys: Any) -> None:
    port = site.url.rpartition(":")[2]
    assert main(["serve", "--port", port, "--project", str(home.folder)]) == 4
    assert "cannot be listened on" in capsys.readouterr().err


def test_without_the_extra_the_next_step_is_said(home: Any) -> None:
    program = "import sys; sys.modules['fastapi'] = None; from console.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", "--port", "0", "--project", str(home.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'stemma-rag[console]'" in " ".join(done.stderr.split())


HOST = "http://127.0.0.1:8600"


def test_what_the_page_says_to_type_serves_and_answers_programs(home: Any, tmp_path: Path) -> None:
    """The commands of docs/console.md as they stand there, but for the port: another console may be at 8600."""
    told = page("docs/console.md")
    _, start, ask = told.blocks("bash")
    [shown] = [block.text for block in told.blocks("text") if HOST in block.text]
    folder = tmp_path / "project"
    shutil.copytree(home.folder, folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEMMA_")}
    typed = {"cwd": folder, "env": kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}}
    command = start.text.replace("stemma serve", "stemma serve --port 0", 1)
    with subprocess.Popen(["bash", "-c", command], **typed, stderr=subprocess.PIPE, text=True) as served:
        try:
            said = [served.stderr.readline() for _ in shown.splitlines()]
            address, token = (line.split()[1] for line in said[:2])
            assert "".join(said).replace(address, HOST) == re.sub(r"kS0v\.\.\.", token, shown)
            typed["env"] = typed["env"] | {"STEMMA_CONSOLE_TOKEN": token}
            asked = ask.text.replace(HOST, address)
            done = subprocess.run(["bash", "-euc", asked], **typed, capture_output=True, text=True, check=True)
        finally:
            served.send_signal(signal.SIGINT)
        assert served.wait(30) == 0
    corpus, end = json.JSONDecoder().raw_decode(done.stdout)
    change, rest = json.JSONDecoder().raw_decode(done.stdout[end:])
    assert done.stdout[end:][rest:] == ""
    assert {source["contract"] for source in corpus["sources"]} >= {"handbook", "inbox", "drafts"}
    assert (change["contract"], change["asked"], change["verdict"], change["sample"]) == ("handbook", True, "same", 50)
    assert change["yaml"] == (folder / "contracts" / "handbook.odcs.yaml").read_text("utf-8")
