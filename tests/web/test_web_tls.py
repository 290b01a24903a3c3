"""Over TLS: the certificate is checked against the name although the connection goes to an address, and tokens stay."""

from __future__ import annotations

import datetime as dt
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from web.conftest import LOOPBACK, QUICK

from corpus.errors import SourceUnavailable
from ingestion.web.fetch import HostSilent
from ingestion.web.policy import Access
from ingestion.web.source import WebSource


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server for docs.example and other.example; it notes the token of each request."""
    certificate = _certificate(tmp_path, "docs.example", "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tokens: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            tokens.append((self.headers["Host"].partition(":")[0], self.headers["Authorization"]))
            there = {"/away": f"https://other.example:{port}/a.md", "/down": f"http://docs.example:{port}/a.md"}
            self.send_response(302 if self.path in there else 200)
            if self.path in there:
                self.send_header("Location", there[self.path])
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"# a")

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = httpd.server_address[1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield port, tokens
    httpd.shutdown()
    httpd.server_close()


def _certificate(folder: Path, *names: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "site.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def _source(port: int, path: str, *hosts: str, **tokens: str) -> WebSource:
    named = {f"{host.replace('_', '.')}:{port}": variable for host, variable in tokens.items()}
    access = Access(networks=LOOPBACK, limits=QUICK, tokens=named, resolve=lambda host, port: ("127.0.0.1",))
    url = f"https://{hosts[0]}:{port}{path}"
    return WebSource(url, hosts=tuple(f"{host}:{port}" for host in hosts), access=access)


def test_the_name_is_checked_and_the_token_is_sent(server, monkeypatch: pytest.MonkeyPatch) -> None:
    port, tokens = server
    monkeypatch.setenv("DOCS_TOKEN", "t0ken")
    [ref] = _source(port, "/a.md", "docs.example", docs_example="DOCS_TOKEN").list()
    assert (ref.size, tokens) == (3, [("docs.example", "Bearer t0ken")])
    with pytest.raises(HostSilent, match="certificate verify failed"):
        _source(port, "/a.md", "stranger.example").list()


def test_a_redirect_to_another_host_takes_no_token_along(server, monkeypatch: pytest.MonkeyPatch) -> None:
    port, tokens = server
    monkeypatch.setenv("DOCS_TOKEN", "t0ken")
    [ref] = _source(port, "/away", "docs.example", "other.example", docs_example="DOCS_TOKEN").list()
    assert (ref.size, tokens) == (3, [("docs.example", "Bearer t0ken"), ("other.example", None)])


def test_a_redirect_away_from_tls_is_not_followed(server) -> None:
    port, tokens = server
    source = _source(port, "/down", "docs.example")
    [ref] = source.list()
    with pytest.raises(SourceUnavailable, match="without TLS"):
        source.read(ref)
    assert len(tokens) == 1
