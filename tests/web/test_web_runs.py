"""A contract whose documents are on a web server, through whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from laws.handbook import DEFAULTS, NAME, Project, real_texts
from web.conftest import Site

from contracts.load import load_contract, problems_of
from contracts.scaffold import new_contract
from corpus.catalog import decisions, validators
from corpus.errors import ContractBlocked, SourceUnavailable

SERVER = """servers:
  - server: website
    type: api
    location: {location}
    customProperties:
      - property: allowedHosts
        value: ["{host}"]
"""


class WebProject(Project):
    """A project whose contract names a sitemap."""

    def serve(self, site: Site, location: str = "/sitemap.xml") -> None:
        self.settings = self.settings.model_copy(update={"http_private_networks": ("127.0.0.0/8",)})
        named = {"embedder": self.model, "owner": "web", "defaults": DEFAULTS}
        text = new_contract(NAME, root="./inbox", include=("**/*.md",), **named)
        before, rest = text.split("servers:\n")
        after = rest[rest.index("\n\n") :]
        self.contract_path.write_text(before + SERVER.format(location=site.url(location), host=site.host) + after)


@pytest.fixture
def project(tmp_path: Path, site: Site) -> WebProject:
    made = WebProject.create(tmp_path / "project")
    made.serve(site)
    for number, (name, text) in enumerate(real_texts()[:6]):
        site.put(f"/{name}.md", text, ETag=f'"{number}"')
    publish(site)
    return made


def publish(site: Site) -> None:
    names = sorted(path for path in site.pages if path.endswith(".md"))
    urls = "".join(f"<url><loc>{site.url(name)}</loc></url>" for name in names)
    site.put("/sitemap.xml", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>')


def test_documents_of_a_sitemap_are_ingested_kept_changed_and_removed(project: WebProject, site: Site) -> None:
    first = project.ingest()
    assert (first.counts.received, first.counts.failed) == (6, 0)
    assert first.counts.indexed + first.counts.quarantined == 6
    names = sorted(path for path in site.pages if path.endswith(".md"))

    site.asked.clear()
    second = project.ingest()
    assert (second.counts.received, second.counts.unchanged) == (6, 6)
    assert [path for path, headers in site.asked if "If-None-Match" not in headers] == ["/sitemap.xml"]
    assert len(site.asked) == 7, "one request for each document, and one for the list"

    said = "A refund may be asked for within thirty days of delivery by mail. " * 5
    site.put(names[0], f"# Refunds\n\n{said}", ETag='"n"')
    site.answer(names[1], 404)
    site.answer(names[2], 500)
    third = project.ingest()
    assert (third.counts.received, third.counts.unchanged, third.counts.failed) == (5, 3, 1)
    assert third.counts.removed == 1
    assert [state.path for state in project.states().values() if state.state == "gone"] == [site.host + names[1]]
    [kept] = [state for state in project.states().values() if state.path == site.host + names[2]]
    assert kept.state != "gone", "what a server cannot give now stays as it was"
    with project.runtime.catalog.reading() as tx:
        failed = decisions.of_document(tx, NAME, kept.doc_id)[0]
    assert failed.reasons[0]["code"] == "source.sourceunavailable"
    assert "answered 500" in failed.reasons[0]["message"]


def test_a_failing_host_removes_nothing(project: WebProject, site: Site) -> None:
    project.ingest()
    before = project.states()
    for path in [path for path in site.pages if path.endswith(".md")]:
        site.answer(path, 503)
    with pytest.raises(SourceUnavailable):
        project.ingest()
    site.answer("/sitemap.xml", 404)
    with pytest.raises(SourceUnavailable, match="list of documents is not there"):
        project.ingest()
    assert project.states() == before


def test_a_server_that_knows_nothing_any_more_trips_the_guard(project: WebProject, site: Site) -> None:
    project.ingest()
    for path in [path for path in site.pages if path.endswith(".md")]:
        site.answer(path, 404)
    with pytest.raises(ContractBlocked, match="Nothing was deleted"):
        project.ingest()


def test_validators_are_of_what_was_listed_last(project: WebProject, site: Site) -> None:
    project.ingest()
    removed = sorted(path for path in site.pages if path.endswith(".md"))[0]
    site.answer(removed, 410)
    project.ingest()
    with project.runtime.catalog.reading() as tx:
        kept = validators.of_contract(tx, NAME)
    assert len(kept) == 5
    assert not [each for each in kept if each.url.endswith(removed)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("    location: ftp://a.example/x", "is no http or https URL"),
        ("    location: https://ann:pw@a.example/x", "holds a user or a password"),
        (
            "    location: https://a.example/x\n    customProperties:\n      - {property: format, value: rss}",
            "unknown format 'rss'",
        ),
        (
            "    location: https://a.example/x\n    customProperties:\n      - {property: hosts, value: [a]}",
            "allowedHosts",
        ),
        (
            "    location: https://a.example/x\n    customProperties:\n      - {property: allowedHosts, value: [a b]}",
            "is no host",
        ),
        (
            "    location: https://a.example/x\n    customProperties:\n      - {property: urls, value: ['file:///x']}",
            "is no http or https URL",
        ),
    ],
)
def test_a_server_that_cannot_be_is_named_in_the_contract(project: WebProject, line: str, says: str) -> None:
    text = project.contract_path.read_text()
    start = text.index("    location:")
    end = text.index("\n\n", start)
    found = problems_of(text[:start] + line + text[end:])
    assert any(says in f"{problem.message} {problem.hint}" for problem in found), found
    assert not any("pw@" in problem.message for problem in found)


def test_the_kind_of_a_location_is_told_from_its_name(project: WebProject, site: Site) -> None:
    kinds = {}
    for location in ("/sitemap.xml", "/s.xml.gz", "/list.txt", "/a.html"):
        project.serve(site, location)
        kinds[location] = load_contract(project.contract_path).source.format
    assert kinds == {"/sitemap.xml": "sitemap", "/s.xml.gz": "sitemap", "/list.txt": "list", "/a.html": "document"}


@pytest.mark.parametrize(("kind", "url"), [("s3", "s3://AKIA:hush@bucket"), ("sftp", "sftp://me:hush@host")])
def test_a_password_in_the_place_of_a_contract_is_refused_and_not_repeated(
    project: WebProject, kind: str, url: str
) -> None:
    """Every version holds its contract, and every receipt (XCom) the place."""
    text = project.contract_path.read_text()
    before, rest = text.split("servers:\n")
    after = rest[rest.index("\n\n") :]
    server = f'servers:\n  - server: shelf\n    type: {kind}\n    location: "{url}/docs/**/*.md"'
    [problem] = problems_of(before + server + after)
    assert "the URL holds a password" in str(problem)
    assert "hush" not in str(problem)
    assert not problems_of(before + server.replace(":hush@", "@") + after)
