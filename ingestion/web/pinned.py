"""Connections to the address that was checked, and to no other, under one deadline.

The name is resolved here, each address is judged, and the connection goes to that very address: there is no second
look-up that could answer otherwise. The certificate is still checked against the name. Every read and write of a
request shares one deadline, so that a server that sends a byte now and then gains nothing.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from ingestion.web.address import why_refused
from ingestion.web.policy import Access, Forbidden


class PinnedBackend(httpcore2.NetworkBackend):
    """Makes connections for a pool; used by one thread at a time.

    Args:
        access: What may be connected to, how names are resolved, and how long a connection may take.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._sockets = httpcore2.SyncBackend()
        self.deadline = 0.0
        """When the request in hand has to be over, by the monotonic clock."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is ours
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connects to the first address of a host that answers, if every address of it may be asked.

        Raises:
            Forbidden: One of its addresses must not be asked.
            ConnectError: The name leads nowhere, or nothing answers.
        """
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                left = min(self._access.limits.connect_seconds, self.left())
                stream = self._sockets.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
            else:
                return _Timed(stream, self)
        raise last

    def left(self) -> float:
        """Returns how many seconds the request in hand has left.

        Raises:
            ReadTimeout: None.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the request took too long")
        return left

    def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        try:
            found = tuple(self._access.resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} cannot be resolved: {error}") from error
        for address in found:
            kind = why_refused(address, self._access.networks)
            if kind:
                raise Forbidden(
                    f"the host {host!r} leads to {address}, a {kind} address, which sources must not ask. Where it is "
                    "meant, add its network to http_private_networks of stemma.toml."
                )
        return found


class _Timed(httpcore2.NetworkStream):
    """A stream whose every step ends with the deadline of the request in hand."""

    def __init__(self, inner: httpcore2.NetworkStream, backend: PinnedBackend) -> None:
        self._inner = inner
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is ours
        return self._inner.read(max_bytes, self._backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, self._backend.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, self._backend.left()), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
