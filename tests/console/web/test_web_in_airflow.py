"""A real `airflow api-server` with the plugin: Airflow's sign-in, its frame, its rights, its names in our audit log."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")
sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "demo"))

from airflow_process import AirflowSite, lay_out

from console.web.http import forms
from console.web.http.access import Person

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

PASSWORDS = {"mara": "of-mara-1", "vera": "of-vera-1"}
READY_S = 120


@dataclass
class Server:
    """An API server of Airflow, and the project that its console is of."""

    site: AirflowSite
    project: Path
    cli: Any

    @property
    def url(self) -> str:
        return self.site.url

    @contextlib.contextmanager
    def client(self, name: str = "") -> Iterator[httpx2.Client]:
        """Gives a client with a session of Airflow, or with none for an empty name."""
        with httpx2.Client(base_url=self.url, timeout=60, follow_redirects=False) as client:
            if name:
                answer = client.post("/auth/token/cli", json={"username": name, "password": PASSWORDS[name]})
                assert answer.status_code == 201, answer.text
                client.cookies.set("_token", answer.json()["access_token"])
            yield client


@pytest.fixture(scope="module")
def server(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("airflow-console")
    project = folder / "project"
    shutil.copytree(home.folder, project)
    site = lay_out(folder / "airflow", project, preload=False)
    site.run("dags", "reserialize")  # no DAG processor runs here
    passwords = site.home / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    environment = site.environment() | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "mara:admin,vera:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    project.rename(folder / "not-there-yet")  # the first test is about a project that cannot be opened
    log = site.log_of("api-server").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "api-server"],
        env=environment, cwd=site.home, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + READY_S
        while not _healthy(site.url):
            said = site.log_of("api-server").read_text()[-4000:]
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.3)
        yield Server(site, project, type(home)(project))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/v2/monitor/health", timeout=20).status_code == 200
    except httpx2.HTTPError:
        return False


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_project_that_cannot_be_opened_stops_no_airflow_and_the_page_says_what_is_wrong(server: Server) -> None:
    with server.client() as stranger, server.client("mara") as mara:
        assert stranger.get("/stemma/corpus").status_code == 401, "a stranger hears nothing of the project"
        answer = mara.get("/stemma/corpus")
        assert (answer.status_code, "There is no stemma.toml in" in answer.text) == (503, True), answer.text
        assert "STEMMA_PROJECT" in answer.text
        twin = mara.get("/stemma/corpus.json")
        assert (twin.status_code, twin.headers["content-type"]) == (503, "application/problem+json")
        assert mara.get("/api/v2/version").status_code == 200
        (server.project.parent / "not-there-yet").rename(server.project)
        deadline = time.monotonic() + 60
        while mara.get("/stemma/corpus").status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert mara.get("/stemma/corpus").status_code == 200


def test_nobody_is_let_in_without_a_session_of_airflow(server: Server) -> None:
    with server.client() as stranger:
        page = stranger.get("/stemma/held?contract=handbook&id=returns.md")
        assert (page.status_code, "Sign in to Airflow" in page.text) == (401, True)
        assert "returns.md" not in page.text
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
        for path in ("/stemma/corpus.json", "/stemma/openapi.json", "/stemma/", "/stemma/nowhere.json"):
            assert stranger.get(path).status_code in (401, 404), path
        assert stranger.get("/stemma/corpus.json").json()["status"] == 401
        form = {"contract": "handbook", "id": "returns.md", "sha256": "0", "reason": "x"}
        assert stranger.post("/stemma/held/release", data=form, headers={"origin": server.url}).status_code == 401
        forged = stranger.get("/stemma/corpus", headers={"authorization": "Bearer x.y.z", "cookie": "_token=a.b.c"})
        assert forged.status_code == 401
        assert stranger.get("/stemma/docs").status_code == 404
        assert stranger.get("/stemma/static/console.css").status_code == 200


def test_who_may_only_look_decides_nothing(server: Server) -> None:
    with server.client("vera") as vera:
        page = vera.get("/stemma/held?contract=handbook&id=returns.md")
        assert (page.status_code, ">vera<" in page.text) == (200, True)
        twin = vera.get("/stemma/held.json?contract=handbook&id=returns.md").json()
        form = {"contract": "handbook", "id": "returns.md", "sha256": twin["sha256"], "reason": "let it in",
                "csrf": _csrf(page.text)}  # fmt: skip
        answer = vera.post("/stemma/held/release", data=form, headers={"origin": server.url})
        assert (answer.status_code, "You may not decide about contract" in answer.text) == (403, True), answer.text
    assert server.cli("quarantine", "show", "handbook", "returns.md")["override"] is None


def test_a_form_is_taken_from_any_worker_and_from_no_other_site(server: Server) -> None:
    """Whoever shares Airflow's secret can have made the form: the key is of no process."""

    class Shared:
        key = hashlib.sha256(b"stemma console in airflow\0" + server.site.secret.encode()).digest()

    of_another_worker = forms.seal(Shared(), Person(name="mara", session="airflow:mara", fixed=True))  # type: ignore[arg-type]
    with server.client("mara") as mara:
        form = {"contract": "inbox", "id": "offer.html", "reason": "asked purchasing", "csrf": of_another_worker}
        form["sha256"] = mara.get("/stemma/held.json?contract=inbox&id=offer.html").json()["sha256"]
        for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}, {}):
            assert mara.post("/stemma/held/release", data=form, headers=headers).status_code == 403, headers
        foreign = form | {"csrf": forms.seal(Shared(), Person(name="vera", session="airflow:vera", fixed=True))}  # type: ignore[arg-type]
        assert mara.post("/stemma/held/release", data=foreign, headers={"origin": server.url}).status_code == 403
        taken = mara.post("/stemma/held/release", data=form, headers={"origin": server.url})
        assert (taken.status_code, taken.headers["location"]) == (303, "/stemma/held?contract=inbox&id=offer.html")
        told = mara.get(taken.headers["location"]).text
        assert "Your vote is kept" in told
    votes = server.cli("quarantine", "show", "inbox", "offer.html")["votes"]
    assert [vote["actor"] for vote in votes] == ["mara"]


def test_a_re_embed_is_a_run_of_airflow_in_the_name_of_who_asked(server: Server) -> None:
    """The DAG is paused, as new ones are: the run waits, which the page says. A real one is in tests/e2e."""
    place, headers = "/stemma/reembed?contract=handbook", {"origin": server.url}
    form = {"contract": "handbook", "model": "all-MiniLM-L6-v2", "mode": "shadow", "reason": "to try it"}
    with server.client("vera") as vera:
        form["csrf"] = _csrf(vera.get(f"{place}&model=all-MiniLM-L6-v2").text)
        assert vera.post("/stemma/reembed/start", data=form, headers=headers).status_code == 403
    with server.client("mara") as mara:
        form["csrf"] = _csrf(mara.get(f"{place}&model=all-MiniLM-L6-v2").text)

        def say(path: str) -> str:
            assert mara.post(f"/stemma/reembed/{path}", data=form, headers=headers).status_code == 303
            return mara.get(place).text

        assert "of corpus_reembed is queued. The DAG corpus_reembed is paused" in say("start")
        twin = mara.get("/stemma/reembed.json?contract=handbook").json()
        assert (twin["place"], twin["can"], "is waiting to begin" in twin["going"]) == ("airflow", ["stop"], True)
        assert "works on &#39;handbook&#39; already" in say("start")
        [run] = mara.get("/api/v2/dags/corpus_reembed/dagRuns").json()["dag_runs"]
        wanted = {name: form[name] for name in ("contract", "model", "mode", "reason")}
        assert (run["conf"], run["triggering_user_name"], run["note"]) == (wanted, "mara", "to try it")
        assert "It is stopped." in say("stop")
        twin = mara.get("/stemma/reembed.json?contract=handbook").json()
        assert (twin["can"], "was stopped" in twin["going"]) == (["start"], True)


def test_a_person_signs_in_to_airflow_and_decides_in_its_frame(browser: Any, server: Server) -> None:
    browser.get(f"{server.url}/plugin/stemma")
    wait = WebDriverWait(browser, 60)
    wait.until(lambda found: found.find_elements(By.NAME, "username"))[0].send_keys("mara")
    browser.find_element(By.NAME, "password").send_keys(PASSWORDS["mara"], Keys.ENTER)
    wait.until(lambda found: "/login" not in found.current_url)
    browser.get(f"{server.url}/plugin/stemma")
    frame = wait.until(lambda found: found.find_elements(By.CSS_SELECTOR, "iframe[title=Stemma]"))[0]
    browser.switch_to.frame(frame)
    assert wait.until(lambda found: found.find_element(By.TAG_NAME, "h1").text == "Corpus")
    assert browser.find_element(By.CSS_SELECTOR, ".who .name").text == "mara"
    style = browser.execute_script("return getComputedStyle(document.querySelector('.top')).display")
    assert style == "flex", "the stylesheet is loaded in the frame"
    browser.find_element(By.LINK_TEXT, "Quarantine").click()
    wait.until(lambda found: found.find_elements(By.LINK_TEXT, "returns.md"))[0].click()
    wait.until(lambda found: found.find_elements(By.ID, "reason"))[0].send_keys("the owner confirmed it")
    browser.find_element(By.XPATH, "//button[normalize-space()='Release']").click()
    said = wait.until(lambda found: found.find_elements(By.CSS_SELECTOR, "[role=status]"))[0].text
    assert said.startswith("returns.md is released.")
    browser.switch_to.default_content()
    assert "/plugin/stemma" in browser.current_url, "it is still Airflow around it"
    override = server.cli("quarantine", "show", "handbook", "returns.md")["override"]
    assert (override["actor"], override["reason"]) == ("mara", "the owner confirmed it")
    audited = server.cli("audit", "list")["entries"]
    assert any(entry["actor"] == "mara" for entry in audited)
