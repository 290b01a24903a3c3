"""Which URLs may be asked at all: schemes, hosts, nothing that hides; and who gets a token.

The contract says which hosts its documents are on. A redirect is a URL like any other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from corpus.errors import ConfigurationError, SourceUnavailable
from corpus.settings import Settings
from ingestion.web.address import Network, Resolver, parse_networks, system_resolver

PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_MOST_LETTERS = 8_000  # RFC 9110, 4.1 wants 8,000 octets supported
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_SAFE = "%/:=&?~+!$,;'@()*[]-._"


class Forbidden(SourceUnavailable):
    """A URL or an address that must not be asked."""

    retryable = False  # it is refused again until somebody allows it


@dataclass(frozen=True, slots=True, kw_only=True)
class WebLimits:
    """What one document may take.

    Attributes:
        seconds: From connecting to the last byte, redirects included, of one try.
        connect_seconds: To connect.
        redirects: Redirects of one request.
        attempts: Tries in all.
        longest_wait_seconds: Longest pause before another try, also where the server asks for a longer one.
    """

    seconds: float = 60.0
    connect_seconds: float = 10.0
    redirects: int = 5
    attempts: int = 3
    longest_wait_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """What the operator of a project allows its sources over HTTP.

    Attributes:
        networks: Networks that may be connected to although they are not public.
        tokens: `host` or `host:port` to the environment variable that holds the token for it.
        resolve: Finds the addresses of a host.
        limits: What one document may take.
    """

    networks: tuple[Network, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)
    resolve: Resolver = system_resolver
    limits: WebLimits = WebLimits()

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """Returns what the settings say."""
        return cls(networks=parse_networks(settings.http_private_networks), tokens=dict(settings.http_token_env))

    def token(self, url: str) -> str:
        """Returns the token for exactly the host and port of a URL; empty where there is none, or no TLS.

        Raises:
            ConfigurationError: The variable is not set, or holds what cannot be sent in a header.
        """
        name = self.tokens.get(authority(urlsplit(url)), "") if url.startswith("https://") else ""
        if not name:
            return ""
        token = os.environ.get(name, "").strip()
        if not token or not token.isascii() or not token.isprintable():
            raise ConfigurationError(
                f"the environment variable {name} (http_token_env of {authority(urlsplit(url))}) is not set, or holds "
                "characters that no token has. Set it to the token of the host."
            )
        return token


def authority(parts: SplitResult) -> str:
    """Returns `host` of a URL, or `host:port` where the port is not that of its scheme; lower case."""
    host = (parts.hostname or "").lower().rstrip(".")
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return host if port in (None, PORTS.get(parts.scheme)) else f"{host}:{port}"


def normal_url(text: str) -> str:
    """Returns a URL in one form: lower-case host, no default port, no fragment, ASCII.

    Raises:
        Forbidden: It is no plain http or https URL. The message shows no more of it than `shown` does.
    """
    problem = _problem(text)
    if problem:
        raise Forbidden(f"{shown(text)} {problem}. Nothing was asked; mend the URL.")
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, authority(parts), _plain(_escaped(parts.path)), _escaped(parts.query), ""))


def require_host(url: str, hosts: Sequence[str]) -> None:
    """Raises Forbidden where the host of a normal URL is none of those that the contract names."""
    found = authority(urlsplit(url))
    if found not in hosts:
        raise Forbidden(
            f"{shown(url)} is on the host {found!r}, which the contract does not name. Valid: {', '.join(hosts)}. "
            "Nothing was asked; where the host is meant, add it to allowedHosts of the server."
        )


def shown(url: str) -> str:
    """Returns a URL for messages: without user, password, query and fragment, any of which may be a secret."""
    try:
        parts = urlsplit(url)
        host = authority(parts)
    except ValueError:
        return "a URL that cannot be read"
    text = urlunsplit((parts.scheme, host, parts.path, "", ""))[:200]
    return "".join(sign if sign.isprintable() else "?" for sign in text) or "an empty URL"


def _problem(text: str) -> str:
    if len(text) > _MOST_LETTERS:
        return f"has {len(text)} letters; at most {_MOST_LETTERS} are read"
    if _FORBIDDEN.search(text):
        return "holds blanks, control characters or backslashes"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return f"cannot be read ({error})"
    if parts.scheme not in PORTS:
        return f"has the scheme {parts.scheme!r}. Valid: http, https"
    return _problem_of_host(parts.netloc, parts.hostname or "", port)


def _problem_of_host(netloc: str, host: str, port: int | None) -> str:
    if "@" in netloc:
        return "holds a user or a password, which would be logged. Name a variable in http_token_env instead"
    if not host.rstrip(".") or not host.isascii() or port == 0 or "%" in host:
        return "has no host that can be asked; a host in another script is written as xn--"
    return ""


def _plain(path: str) -> str:
    """Resolves `.` and `..` of a path (RFC 3986, 5.2.4); none of them leads above the root."""
    kept: list[str] = []
    parts = path.split("/")[1:] or [""]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _escaped(text: str) -> str:
    """Percent-encodes what is not ASCII, and a percent sign that encodes nothing."""
    whole = quote(text, safe=_SAFE, errors="replace")
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", whole)
