"""Which addresses and URLs may be asked."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigurationError, StemmaError
from ingestion.web.address import parse_networks, why_refused
from ingestion.web.policy import Access, Forbidden, normal_url, require_host, shown
from ingestion.web.source import path_of

REFUSED = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "0.0.0.0": "unspecified",
    "10.1.2.3": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.0.1": "private",
    "169.254.169.254": "link-local",
    "100.64.0.1": "shared",
    "100.127.255.254": "shared",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "private",
    "255.255.255.255": "private",
    "192.0.2.1": "private",
    "198.18.0.1": "private",
    "168.63.129.16": "cloud platform's",
    "64:ff9b::a83f:8110": "cloud platform's",
    "::1": "loopback",
    "::": "unspecified",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::ffff:10.0.0.1": "private",
    "::127.0.0.1": "reserved",
    "64:ff9b::7f00:1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "2002:7f00:1::": "loopback",
    "2002:a9fe:a9fe::1": "link-local",
    "2001:0:a00:1:0:0:0:1": "private",
    "2001:db8::1": "private",
    "4000::1": "reserved",
    "127.1": "no address",
    "": "no address",
    "localhost": "no address",
}
PUBLIC = ("1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")


@pytest.mark.parametrize(("address", "kind"), REFUSED.items())
def test_an_address_that_is_not_public_is_refused(address: str, kind: str) -> None:
    assert why_refused(address) == kind


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert why_refused(address) == ""


def test_a_network_that_is_allowed_may_be_asked_and_no_other() -> None:
    allowed = parse_networks(("10.1.0.0/16", "::1/128"))
    assert [why_refused(address, allowed) for address in ("10.1.2.3", "::1", "::ffff:10.1.2.3")] == ["", "", ""]
    assert [why_refused(address, allowed) for address in ("10.2.0.1", "127.0.0.1", "::ffff:10.2.0.1")] == [
        "private",
        "loopback",
        "private",
    ]


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_like_the_one_inside(address: ipaddress.IPv4Address) -> None:
    assert bool(why_refused(f"::ffff:{address}")) == bool(why_refused(str(address)))
    if not address.is_global:
        assert why_refused(str(address))


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"holds '10\.1\.0\.1/16'.*Write networks"):
        parse_networks(("10.1.0.1/16",))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "scheme 'file'"),
        ("ftp://a.example/x", "scheme 'ftp'"),
        ("gopher://127.0.0.1:6379/_SET", "scheme 'gopher'"),
        ("//a.example/x", "scheme ''"),
        ("javascript:alert(1)", "scheme 'javascript'"),
        ("https://ann:s3cret@a.example/x", "holds a user or a password"),
        ("https://@a.example/x", "holds a user or a password"),
        ("https://", "no host"),
        ("https:///x", "no host"),
        ("https://a.example:0/x", "no host"),
        ("https://a.example:99999/x", "cannot be read"),
        ("https://b\u00fccher.example/", "xn--"),
        ("https://a.example/\r\nHost: b", "control characters"),
        ("https://a.example\\@b.example/", "backslashes"),
        ("https://a.example/" + "x" * 9000, "letters"),
        ("https://[::1/", "cannot be read"),
        ("https://a%2eexample/", "no host"),
    ],
)
def test_a_url_that_hides_something_is_refused(url: str, says: str) -> None:
    with pytest.raises(Forbidden, match=says) as caught:
        normal_url(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Docs.Example.COM:443/A/./b/../c?q=1#part", "https://docs.example.com/A/c?q=1"),
        ("http://a.example", "http://a.example/"),
        ("http://a.example:8080/..", "http://a.example:8080/"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://a.example/\u00fc%zz", "http://a.example/%C3%BC%25zz"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_urls_have_one_form(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.:@\[\]%]{0,20}/[ -~]{0,20}", fullmatch=True))
def test_any_text_is_a_url_or_a_documented_error(text: str) -> None:
    try:
        found = normal_url(text)
    except StemmaError:
        assert shown(text).isprintable()
        return
    assert normal_url(found) == found
    assert found.isascii()
    assert path_of(found)


def test_hosts_are_compared_whole() -> None:
    for url in (
        "https://docs.example.com.evil.test/",
        "https://evil-docs.example.com/",
        "https://docs.example.com:8443/",
    ):
        with pytest.raises(Forbidden, match=r"Valid: docs\.example\.com"):
            require_host(url, ("docs.example.com",))
    require_host("https://docs.example.com/x", ("docs.example.com",))


def test_messages_show_no_query_and_no_password() -> None:
    assert shown("https://ann:pw@a.example/x?token=abc#f") == "https://a.example/x"


def test_a_token_goes_to_its_host_over_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_TOKEN", "t0ken")
    access = Access(tokens={"docs.example.com": "DOCS_TOKEN"})
    assert access.token("https://docs.example.com/x") == "t0ken"
    others = ("http://docs.example.com/x", "https://docs.example.com:8443/x", "https://example.com/")
    assert [access.token(url) for url in others] == ["", "", ""]
    monkeypatch.setenv("DOCS_TOKEN", "a\nb")
    with pytest.raises(ConfigurationError, match="DOCS_TOKEN") as caught:
        access.token("https://docs.example.com/x")
    assert "a\nb" not in str(caught.value)
