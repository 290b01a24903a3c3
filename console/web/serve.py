"""Serves the console with uvicorn; refuses to listen where strangers could come in without a secret of yours."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from console.web.app import create_app
from console.web.http.access import access_of
from corpus.errors import ConfigurationError, SourceUnavailable
from corpus.settings import Settings
from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A console that is about to answer.

    Attributes:
        url: Where it is.
        token: The token that was made for this start; empty where the settings name one, or a proxy signs people in.
    """

    url: str
    token: str


def require_safe(host: str, settings: Settings) -> None:
    """Refuses an address that others can reach, where nothing of the settings keeps strangers out.

    Raises:
        ConfigurationError: Neither a token nor a reverse proxy's header is set.
    """
    if settings.console_token or settings.console_user_header or _loopback(host):
        return
    raise ConfigurationError(
        f"--host {host} can be reached from other machines, and nothing keeps strangers out. Set console_token "
        "(STEMMA_CONSOLE_TOKEN, 16 characters or more), or console_user_header behind a reverse proxy that signs "
        "people in; or leave --host at 127.0.0.1."
    )


def serve(runtime: Runtime, host: str, port: int, opened: Callable[[Opened], None]) -> None:
    """Answers until it is told to stop (SIGINT, SIGTERM).

    Args:
        runtime: The open project.
        host: Address to listen on.
        port: Port; 0 for a free one.
        opened: Called once it listens.

    Raises:
        ConfigurationError: The address may not be listened on, or what signs people in is not set up rightly.
        SourceUnavailable: The port is taken, or the address is none of this machine.
    """
    settings = runtime.settings
    require_safe(host, settings)
    made = "" if settings.console_token or settings.console_user_header else secrets.token_urlsafe(32)
    app = create_app(runtime, access_of(settings, made))
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # who the peer is decides whether its header is believed
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    listening = _bound(host, port)
    try:
        _settle()
        opened(Opened(url=_url(host, listening.getsockname()[1]), token=made))
        with contextlib.suppress(KeyboardInterrupt):  # raised again by uvicorn once it has ended in order
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _settle() -> None:
    """Takes what is loaded by now out of the collector's sight: going through all of it costs a request 0.2 s."""
    gc.collect()
    gc.freeze()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise SourceUnavailable(
            f"{host} port {port} cannot be listened on: {error.strerror or error}. Take another with --port; 0 is a "
            "free one."
        ) from error


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
