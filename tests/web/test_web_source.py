"""Documents over HTTP from a real server that answers as badly as it can."""

from __future__ import annotations

import gzip
import time
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler

import pytest
from web.conftest import LOOPBACK, QUICK, Site, trickle

from corpus.errors import ConfigurationError, ParseError, SourceGone, SourceUnavailable, TornRead
from corpus.ids import sha256_hex
from ingestion.web.fetch import HostSilent
from ingestion.web.policy import Access, Forbidden
from ingestion.web.source import WebSource

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def test_lists_and_reads_with_one_request_each(site: Site) -> None:
    site.put("/a.md", "# a", ETag='"1"')
    site.put("/deep/b", "<p>b", Last_Modified="Mon, 04 Nov 2024 10:00:00 GMT")
    source = site.source("/a.md", "/deep/b", "/deep/")
    site.put("/deep/", "index")
    refs = list(source.list())
    host = site.host
    assert [ref.path for ref in refs] == [f"{host}/a.md", f"{host}/deep/_index", f"{host}/deep/b"]
    assert [source.read(ref).data for ref in refs] == [b"# a", b"index", b"<p>b"]
    assert (refs[0].version_tag, refs[0].size, refs[0].sha256) == ('"1"', 3, sha256_hex(b"# a"))
    assert refs[2].modified_at is not None
    assert refs[2].modified_at.isoformat() == "2024-11-04T10:00:00+00:00"
    assert len(site.asked) == 3


def test_an_unchanged_document_costs_no_bytes(site: Site) -> None:
    site.put("/a.md", "# a", ETag='"1"')
    site.put("/b.md", "# b", Last_Modified="Mon, 04 Nov 2024 10:00:00 GMT")
    site.put("/c.md", "# c")
    first = site.source("/a.md", "/b.md", "/c.md")
    before = list(first.list())
    again = site.source("/a.md", "/b.md", "/c.md")
    again.known = first.known
    site.asked.clear()
    assert list(again.list()) == before
    sent = dict(site.asked)
    assert sent["/a.md"]["If-None-Match"] == '"1"'
    assert sent["/b.md"]["If-Modified-Since"] == "Mon, 04 Nov 2024 10:00:00 GMT"
    assert "If-None-Match" not in sent["/c.md"]
    assert again.read(before[0]).data == b"# a", "what was not sent is read when it is asked for"


def test_a_time_in_seconds_is_no_word_on_a_document_that_was_just_changed(site: Site) -> None:
    """A second change within the same second keeps `Last-Modified` as it is (RFC 9110, 8.8.2.2)."""
    now = formatdate(usegmt=True)
    site.put("/a.md", "# a", Last_Modified=now)
    source = site.source("/a.md")
    [first] = source.list()
    site.put("/a.md", "# b", Last_Modified=now)
    again = site.source("/a.md")
    again.known = source.known
    [second] = again.list()
    assert (first.modified_at, second.modified_at) == (parsedate_to_datetime(now), parsedate_to_datetime(now))
    assert (first.sha256, second.sha256) == (sha256_hex(b"# a"), sha256_hex(b"# b"))


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 -0100",
        f"Mon, 04 Nov 2024 10:00:00 +{'9' * 20}",
        f"Mon, 04 Nov {'9' * 20} 10:00:00 GMT",
        "yesterday",
    ],
)
def test_a_date_beyond_all_calendars_ends_no_listing(site: Site, date: str) -> None:
    site.put("/a.md", "# a", Last_Modified=date)
    site.answer("/busy.md", 500, Retry_After=date)
    source = site.source("/a.md", "/busy.md")
    refs = list(source.list())
    assert [ref.modified_at for ref in refs] == [None, None]
    assert source.read(refs[0]).data == b"# a"


def test_what_is_gone_is_not_listed_and_a_server_in_trouble_removes_nothing(site: Site) -> None:
    site.put("/a.md", "# a")
    site.answer("/gone.md", 410)
    for status in (500, 502, 403, 401):
        site.answer(f"/{status}.md", status)
    source = site.source("/a.md", "/missing.md", "/gone.md", "/500.md", "/502.md", "/403.md", "/401.md")
    refs = {ref.path.rpartition("/")[2]: ref for ref in source.list()}
    assert sorted(refs) == ["401.md", "403.md", "500.md", "502.md", "a.md"]
    for name in ("401.md", "403.md", "500.md", "502.md"):
        with pytest.raises(SourceUnavailable, match=f"answered {name[:3]}"):
            source.read(refs[name])


def test_a_document_that_vanished_since_the_listing_is_gone(site: Site) -> None:
    site.put("/a.md", "# a")
    [ref] = site.source("/a.md").list()
    del site.pages["/a.md"]
    with pytest.raises(SourceGone):
        site.source("/a.md").read(ref)


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_to_wait_is_waited_for(site: Site, status: int) -> None:
    times = iter([status])

    def busy_once(handler: BaseHTTPRequestHandler) -> None:
        if next(times, None):
            handler.wfile.write(b"HTTP/1.1 %d Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" % status)
        else:
            handler.wfile.write(HEAD + b"Content-Length: 3\r\n\r\n# a")

    site.act("/a.md", busy_once)
    [ref] = site.source("/a.md").list()
    assert ref.sha256 == sha256_hex(b"# a")


@pytest.mark.parametrize("retry_after", ["", "3600", "Fri, 31 Dec 2100 23:59:59 GMT", "nonsense", "-1"])
def test_a_host_that_stays_busy_fails_the_listing_soon(site: Site, retry_after: str) -> None:
    site.put("/a.md", "# a")
    site.answer("/b.md", 429, **({"Retry_After": retry_after} if retry_after else {}))
    started = time.monotonic()
    with pytest.raises(HostSilent, match="answered 429"):
        site.source("/a.md", "/b.md").list()
    assert time.monotonic() - started < 3


def test_a_host_that_is_down_fails_the_listing(site: Site) -> None:
    source = WebSource("http://127.0.0.1:9/a.md", access=Access(networks=LOOPBACK, limits=QUICK))
    with pytest.raises(HostSilent, match="cannot be reached"):
        source.list()
    nowhere = Access(resolve=_nowhere, limits=QUICK)
    with pytest.raises(HostSilent, match="cannot be resolved"):
        WebSource("https://docs.example/a.md", access=nowhere).list()


def _nowhere(host: str, port: int) -> tuple[str, ...]:
    raise OSError(-2, "Name or service not known")


def test_loopback_is_refused_unless_it_is_allowed(site: Site) -> None:
    site.put("/a.md", "# a")
    bare = site.source("/a.md", access=Access(limits=QUICK))
    [ref] = bare.list()
    with pytest.raises(Forbidden, match=r"127\.0\.0\.1, a loopback address.*http_private_networks"):
        bare.read(ref)
    assert not Forbidden.retryable, "nobody tries again in vain, and no command says that it may pass"
    assert site.asked == []


TARGETS = {
    "http://169.254.169.254/latest/meta-data/": "does not name",
    "file:///etc/passwd": "scheme 'file'",
    "http://localhost/": "does not name",
    "//evil.example/x": "does not name",
    "http://[::ffff:169.254.169.254]/": "does not name",
    "http://0x7f000001/": "does not name",
    "gopher://127.0.0.1/": "scheme 'gopher'",
    "http://ann:pw@127.0.0.1/": "user or a password",
}


@pytest.mark.parametrize(("target", "says"), TARGETS.items())
def test_a_redirect_is_judged_like_any_url(site: Site, target: str, says: str) -> None:
    site.answer("/a.md", 302, Location=target)
    source = site.source("/a.md")
    [ref] = source.list()
    with pytest.raises(Forbidden, match=says):
        source.read(ref)
    assert [path for path, _ in site.asked] == ["/a.md"]


def test_a_redirect_to_a_named_host_still_may_not_lead_to_a_private_address(site: Site) -> None:
    """The second line: the contract names the host, and its address is what is refused."""
    site.answer("/a.md", 302, Location="http://metadata.example/latest")
    hosts = (site.host, "metadata.example")
    access = Access(networks=LOOPBACK, limits=QUICK, resolve=_names({"metadata.example": "169.254.169.254"}))
    source = site.source("/a.md", hosts=hosts, access=access)
    [ref] = source.list()
    with pytest.raises(Forbidden, match=r"169\.254\.169\.254, a link-local address"):
        source.read(ref)


def _names(table: dict[str, str]):
    return lambda host, port: (table.get(host, host),)


def test_redirects_are_followed_and_bounded(site: Site) -> None:
    site.put("/end.md", "# end")
    for number in range(5):
        site.answer(f"/{number}", 307, Location=f"/{number + 1}" if number < 4 else "end.md")
    site.answer("/circle", 301, Location="/circle")
    [ref] = site.source("/0").list()
    assert ref.sha256 == sha256_hex(b"# end")
    source = site.source("/circle")
    [ref] = source.list()
    with pytest.raises(SourceUnavailable, match="more than 5 times"):
        source.read(ref)


def test_a_resolver_that_answers_otherwise_the_second_time_gains_nothing(site: Site) -> None:
    """DNS rebinding: what was checked is what is connected to; a later look-up is checked anew."""
    site.put("/a.md", "# a")
    answers = iter([("127.0.0.1",), ("169.254.169.254",)])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return next(answers)

    url = f"http://docs.example:{site.port}/a.md"
    source = WebSource(url, access=Access(networks=LOOPBACK, limits=QUICK, resolve=rebinding))
    [ref] = source.list()
    assert (source.read(ref).data, asked) == (b"# a", ["docs.example"])
    assert dict(site.asked[0][1])["Host"] == f"docs.example:{site.port}"
    fresh = WebSource(url, access=Access(networks=LOOPBACK, limits=QUICK, resolve=rebinding))
    with pytest.raises(Forbidden, match=r"169\.254\.169\.254"):
        fresh.read(ref)


def test_one_private_address_among_public_ones_is_enough_to_refuse(site: Site) -> None:
    access = Access(limits=QUICK, resolve=lambda host, port: ("93.184.215.14", "10.0.0.1"))
    source = WebSource("https://docs.example/a.md", access=access)
    [ref] = source.list()
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1, a private address"):
        source.read(ref)


def test_an_endless_body_ends(site: Site) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(HEAD + b"\r\n")
        for _ in range(20_000):
            handler.wfile.write(bytes(100_000))

    site.act("/a.md", endless)
    _refused_as_too_large(site)


def test_a_declared_length_that_is_too_large_is_not_read(site: Site) -> None:
    site.act("/a.md", lambda handler: handler.wfile.write(HEAD + b"Content-Length: 99999999999\r\n\r\nx"))
    _refused_as_too_large(site)


def test_a_gzip_bomb_is_not_unpacked(site: Site) -> None:
    site.put("/a.md", gzip.compress(bytes(60_000_000), 1), Content_Encoding="gzip")
    _refused_as_too_large(site)


def _refused_as_too_large(site: Site) -> None:
    source = site.source("/a.md", max_bytes=1_000_000)
    started = time.monotonic()
    [ref] = source.list()
    with pytest.raises(ParseError, match="more than 1000000 bytes") as caught:
        source.read(ref)
    assert caught.value.code == "too_large"
    assert time.monotonic() - started < 3


def test_gzip_is_unpacked_and_members_are_joined(site: Site) -> None:
    site.put("/a.md", gzip.compress(b"# a", mtime=0) + gzip.compress(b" b" * 100_000), Content_Encoding="gzip")
    source = site.source("/a.md")
    [ref] = source.list()
    assert source.read(ref).data == b"# a" + b" b" * 100_000


@pytest.mark.parametrize(
    ("body", "coding", "error"),
    [
        (gzip.compress(b"# a" * 1000, mtime=0)[:-12], "gzip", TornRead),
        (b"no gzip", "gzip", TornRead),
        (b"x", "br", SourceUnavailable),
        (b"x", "gzip, gzip", SourceUnavailable),
    ],
)
def test_a_wrong_packing_is_an_error_of_the_document(site: Site, body: bytes, coding: str, error: type) -> None:
    site.put("/a.md", body, Content_Encoding=coding)
    source = site.source("/a.md")
    [ref] = source.list()
    with pytest.raises(error):
        source.read(ref)


def test_a_body_shorter_than_it_says_is_torn(site: Site) -> None:
    site.act("/a.md", lambda handler: handler.wfile.write(HEAD + b"Content-Length: 100\r\n\r\nshort"))
    source = site.source("/a.md")
    [ref] = source.list()
    with pytest.raises(TornRead, match="before it was whole"):
        source.read(ref)


SLOW = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "status line": (b"", b"HTTP/1.1 2"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"x"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize(("head", "pieces"), SLOW.values(), ids=SLOW)
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(site: Site, head: bytes, pieces: bytes) -> None:
    """Slow loris: each byte comes in time, and all of them together do not."""
    site.act("/a.md", lambda handler: trickle(handler, head, pieces, 0.05))
    source = site.source("/a.md")
    started = time.monotonic()
    [ref] = source.list()
    assert time.monotonic() - started < 2 * QUICK.seconds + 2
    with pytest.raises(SourceUnavailable, match=r"took more than 0\.5 s"):
        source.read(ref)


def test_three_documents_in_a_row_that_do_not_come_end_the_listing(site: Site) -> None:
    paths = [f"/{number}.md" for number in range(50)]
    for path in paths:
        site.act(path, lambda handler: None)
    with pytest.raises(SourceUnavailable, match="3 documents in a row"):
        site.source(*paths).list()
    assert len(site.asked) <= 3 * QUICK.attempts


@pytest.mark.parametrize(
    "answer", [b"", b"\x00" * 100, b"<p>", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000], ids=range(4)
)
def test_what_is_no_http_is_an_error_of_the_document(site: Site, answer: bytes) -> None:
    site.act("/a.md", lambda handler: handler.wfile.write(answer))
    source = site.source("/a.md")
    [ref] = source.list()
    with pytest.raises((TornRead, SourceUnavailable)):
        source.read(ref)


def test_not_modified_without_having_been_asked_is_refused(site: Site) -> None:
    site.answer("/a.md", 304)
    source = site.source("/a.md")
    [ref] = source.list()
    with pytest.raises(SourceUnavailable, match="answered 304"):
        source.read(ref)


SITEMAP = '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</urlset>'
INDEX = '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{}</sitemapindex>'


def _places(site: Site, kind: str, *paths: str) -> str:
    return "".join(f"<{kind}><loc>{site.url(path)}</loc></{kind}>" for path in paths)


def test_a_sitemap_names_documents(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.put(f"/{name}.html", f"<p>{name}")
    site.put("/sitemap.xml", INDEX.format(_places(site, "sitemap", "/one.xml", "/two.xml.gz")))
    site.put("/one.xml", SITEMAP.format(_places(site, "url", "/a.html", "/b.html", "/a.html")))
    site.put("/two.xml.gz", gzip.compress(SITEMAP.format(_places(site, "url", "/c.html")).encode()))
    source = site.source("/sitemap.xml", kind="sitemap", exclude=("**/b.*",))
    assert [ref.path.rpartition("/")[2] for ref in source.list()] == ["a.html", "c.html"]


def test_a_list_names_documents_and_what_is_no_url_fails_alone(site: Site) -> None:
    site.put("/a.md", "# a")
    site.put(
        "/list.txt", f"# ours\n{site.url('/a.md')}\n\nfile:///etc/passwd\nhttp://ann:pw@h/\nhttp://evil.example/x\n"
    )
    source = site.source("/list.txt", kind="list")
    refs = list(source.list())
    assert refs[0].path == f"{site.host}/a.md"
    assert len(refs) == 4
    assert not [ref for ref in refs if "passwd" in ref.uri or "pw@" in ref.uri]
    for ref in refs[1:]:
        with pytest.raises(Forbidden):
            source.read(ref)


LAUGHS = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
OUTSIDE = '<!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>&x;</loc></url></urlset>'


@pytest.mark.parametrize(
    "listing",
    [
        LAUGHS,
        OUTSIDE,
        "",
        "<html><body>moved</body></html>",
        "<urlset><url>",
        "no xml",
        SITEMAP.format("<url><loc>http://a.b/</loc></url>" * 50_001),
        gzip.compress(b"<urlset>", mtime=0)[:-4],
        gzip.compress(bytes(60_000_000), mtime=0),
        INDEX.format("<sitemap><loc>file:///etc/passwd</loc></sitemap>"),
        INDEX.format("<sitemap><loc>http://evil.example/sitemap.xml</loc></sitemap>"),
    ],
    ids=range(11),
)
def test_a_list_that_cannot_be_read_is_not_an_empty_one(site: Site, listing: str | bytes) -> None:
    site.put("/sitemap.xml", listing)
    with pytest.raises(SourceUnavailable):
        site.source("/sitemap.xml", kind="sitemap").list()


@pytest.mark.parametrize("status", [404, 410, 403, 500])
def test_a_list_that_is_not_there_is_not_an_empty_one(site: Site, status: int) -> None:
    site.answer("/sitemap.xml", status)
    with pytest.raises(SourceUnavailable, match=str(status)):
        site.source("/sitemap.xml", kind="sitemap").list()


def test_an_index_of_indexes_ends(site: Site) -> None:
    site.put("/sitemap.xml", INDEX.format(_places(site, "sitemap", "/sitemap.xml")))
    with pytest.raises(SourceUnavailable, match="index of indexes"):
        site.source("/sitemap.xml", kind="sitemap").list()


def test_no_token_goes_to_another_host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over plain HTTP none is sent at all; what is sent over TLS is tested with a certificate."""
    monkeypatch.setenv("DOCS_TOKEN", "t0ken")
    site.answer("/a.md", 302, Location="/b.md")
    site.put("/b.md", "# b")
    access = Access(networks=LOOPBACK, limits=QUICK, tokens={site.host: "DOCS_TOKEN"})
    site.source("/a.md", access=access).list()
    assert len(site.asked) == 2
    assert not [headers for _, headers in site.asked if "Authorization" in headers]


def test_a_proxy_of_the_environment_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.put("/a.md", "# a")
    assert [ref.size for ref in site.source("/a.md").list()] == [3]


def test_every_option_that_changes_the_listing_changes_the_fingerprint() -> None:
    options = [
        {},
        {"include": ("a",)},
        {"exclude": ("a",)},
        {"max_bytes": 3},
        {"kind": "list"},
        {"hosts": ("b.example",)},
    ]
    options.append({"urls": ("https://a.example/b",)})
    prints = [WebSource("https://a.example/", **option).fingerprint for option in options]
    assert len(set(prints)) == len(prints)
    assert WebSource("https://A.example").fingerprint == prints[0]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://ann:pw@a.example/", "not a url"])
def test_a_declared_url_that_is_none_is_a_mistake_of_the_contract(url: str) -> None:
    with pytest.raises(ConfigurationError):
        WebSource(url)
    with pytest.raises(ConfigurationError):
        WebSource("https://a.example/", urls=(url,))


def test_a_sidecar_in_the_list_belongs_to_its_document(site: Site) -> None:
    site.put("/a.md", "# a", ETag='"1"')
    site.put("/a.md.meta.yaml", "owner: ann", ETag='"2"')
    source = site.source("/a.md", "/a.md.meta.yaml")
    [ref] = source.list()
    assert ref.sha256 == ""
    assert source.read(ref).sidecar == b"owner: ann"
