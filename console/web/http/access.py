"""Who may come in, and under which name: a token, or the header of a reverse proxy. Users are managed elsewhere.

A request is a person's or nobody's. `Access` is asked on every request, so a session ends when its token changes.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request

from corpus.errors import ConfigurationError
from corpus.settings import Settings

COOKIE = "stemma_session"
SESSION_SECONDS = 12 * 3600
"""A working day: people sign in once."""
LEAST_TOKEN = 16
"""Characters of a token; made ones have 43, of 256 bits."""
_LONGEST_NAME = 120

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Right: TypeAlias = Literal["read", "write"]
"""What is asked for: to see what a contract holds, or to decide about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in.

    Attributes:
        name: How the audit log will call them.
        session: What their forms are bound to; nobody else's forms are accepted.
        fixed: Whether the name was vouched for by somebody else, so that it is not to be typed.
    """

    name: str
    session: str
    fixed: bool


class Access(Protocol):
    """Tells who asks."""

    key: bytes
    """What cookies and forms are signed with."""
    signs_in: bool
    """Whether there is a page to sign in on."""
    how: str
    """How one gets in, for somebody who is not."""

    def person(self, request: Request) -> Person | None:
        """Returns who asks; None for nobody."""
        ...

    def may(self, request: Request, right: Right, contract: str) -> bool:
        """Whether who asks has a right on a contract, or on all of them where none is named."""
        ...


class Trusting:
    """Lets everybody who is in read and decide: who may come in is decided elsewhere."""

    def may(self, _request: Request, _right: Right, _contract: str) -> bool:
        """Says yes."""
        return True


class TokenAccess(Trusting):
    """Everybody who knows one token, under the name that they give when they sign in.

    Args:
        token: The token.

    Raises:
        ConfigurationError: It is too short to withstand guessing.
    """

    signs_in = True
    how = "Sign in on a page first, or send Authorization: Bearer TOKEN."

    def __init__(self, token: str) -> None:
        if len(token) < LEAST_TOKEN:
            raise ConfigurationError(
                f"console_token has {len(token)} characters, it needs {LEAST_TOKEN} or more. Make one with: "
                "python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
        self._token = token.encode()
        self.key = hashlib.sha256(b"stemma console\0" + self._token).digest()
        self._sessions = URLSafeTimedSerializer(self.key, salt="session")

    def accepts(self, token: str) -> bool:
        """Whether this is the token; takes the same time wherever a wrong one differs."""
        return hmac.compare_digest(token.encode(), self._token)

    def open(self, name: str) -> str:
        """Returns the value of a session cookie for somebody who gave the token.

        Raises:
            ConfigurationError: The name is empty, too long, or holds characters that nobody sees.
        """
        return self._sessions.dumps([require_name(name), secrets.token_urlsafe(12)])

    def person(self, request: Request) -> Person | None:
        """Returns who asks: by the session cookie, or by `Authorization: Bearer` for programs that read."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Person(name="token", session="", fixed=True) if self.accepts(given.strip()) else None
        try:
            name, session = self._sessions.loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        return Person(name=str(name), session=str(session), fixed=False)


class ProxyAccess(Trusting):
    """Whoever a trusted reverse proxy names in a header.

    Args:
        header: Name of the header.
        peers: Addresses and networks that are believed.

    Raises:
        ConfigurationError: One of them is neither.
    """

    signs_in = False
    how = "The reverse proxy in front of this console names nobody. Open it through the proxy, and sign in there."

    def __init__(self, header: str, peers: Sequence[str]) -> None:
        self._header = header
        self._peers = tuple(_network(peer) for peer in peers)
        self.key = secrets.token_bytes(32)

    def person(self, request: Request) -> Person | None:
        """Returns whom the header names; None where it is missing, given twice, or sent by somebody else."""
        names = request.headers.getlist(self._header)
        if len(names) != 1 or request.client is None or not self._believed(request.client.host):
            return None
        try:
            name = require_name(names[0])
        except ConfigurationError:
            return None
        return Person(name=name, session=name, fixed=True)

    def _believed(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._peers)


def access_of(settings: Settings, token: str = "") -> TokenAccess | ProxyAccess:
    """Returns the access that settings ask for: the header of a proxy, else the token.

    Args:
        settings: The project's settings.
        token: One that was made for this start; used where the settings have none.

    Raises:
        ConfigurationError: They ask for both, or for one that cannot work.
    """
    if settings.console_user_header and settings.console_token:
        raise ConfigurationError(
            "console_token and console_user_header are both set: a token would go around the proxy. Set one of them."
        )
    if settings.console_user_header:
        peers = [peer.strip() for peer in settings.console_proxies.split(",") if peer.strip()]
        return ProxyAccess(settings.console_user_header, peers)
    return TokenAccess(settings.console_token or token)


def require_name(name: str) -> str:
    """Returns a name without needless blanks.

    Raises:
        ConfigurationError: It is empty, too long, or holds characters that nobody sees.
    """
    from corpus.catalog.votes import person, unseen  # noqa: PLC0415 - brings SQLAlchemy

    plain = " ".join(name.split())
    if not person(plain) or unseen(plain) or len(plain) > _LONGEST_NAME:
        raise ConfigurationError(
            f"a name is needed: letters, digits, blanks and punctuation, at most {_LONGEST_NAME} of them. It stands in "
            "the audit log beside what you decide."
        )
    return plain


def _network(peer: str) -> Network:
    try:
        return ipaddress.ip_network(peer)
    except ValueError as error:
        raise ConfigurationError(
            f"console_proxies holds {peer!r}, which is no address and no network ({error}). Use for example "
            "10.1.2.3 or 10.1.0.0/16."
        ) from error
