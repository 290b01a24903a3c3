"""Signs documents with C2PA and a throwaway certificate, in every way that Stemma reads.

PDF, SVG and files beside a document are written by c2pa-python. It cannot write a manifest into text, HTML or an
archive with compressed members ("NotSupported: type is unsupported", "compression method not supported: 8"), so those
are signed with the function of its library for digests that the caller made, and placed here as C2PA 2.4 (A.6 to A.9)
says.
"""

from __future__ import annotations

import base64
import ctypes
import datetime as dt
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI = "trainedAlgorithmicMedia"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_OFFLINE = {"verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False}}
_Buffer = ctypes.POINTER(ctypes.c_ubyte)


@dataclass(frozen=True)
class Identity:
    """A signer of its own certificate authority."""

    root: str
    chain: bytes
    key: bytes


@cache
def identity(name: str = "Throwaway") -> Identity:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate(f"{name} Root", f"{name} Root", root_key.public_key(), root_key, root_key, is_root=True)
    leaf = _certificate(f"{name} Signer", f"{name} Root", key.public_key(), root_key, root_key, is_root=False)
    pem = [each.public_bytes(serialization.Encoding.PEM) for each in (leaf, root)]
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(root=pem[1].decode(), chain=b"".join(pem), key=private)


def _certificate(subject: str, issuer: str, key: Any, signer: Any, issuer_key: Any, *, is_root: bool) -> Any:
    now = dt.datetime.now(dt.UTC)
    usage = {
        "digital_signature": not is_root, "content_commitment": False, "key_encipherment": False,
        "data_encipherment": False, "key_agreement": False, "key_cert_sign": is_root, "crl_sign": is_root,
        "encipher_only": False, "decipher_only": False,
    }  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_root:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(signer, hashes.SHA256())


def _name(common: str) -> x509.Name:
    pairs = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Throwaway Org"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def created(kind: str = AI) -> list[dict[str, Any]]:
    """The actions of something made in one step."""
    return [{"action": "c2pa.created", "digitalSourceType": IPTC + kind}]


def _builder(actions: list[dict[str, Any]], *more: dict[str, Any]) -> Any:
    import c2pa  # noqa: PLC0415 - an optional extra

    label = {"label": "c2pa.actions.v2", "data": {"actions": actions}}
    definition = {
        "claim_generator_info": [{"name": "stemma-tests", "version": "1"}],
        "title": "A signed document",
        "assertions": [label, *more],
    }
    return c2pa.Builder.from_json(json.dumps(definition), context=c2pa.Context.from_dict(_OFFLINE))


def _signer(who: Identity) -> Any:
    import c2pa  # noqa: PLC0415 - an optional extra

    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", who.chain, who.key, None))


def sign(
    data: bytes, media_type: str, actions: list[dict[str, Any]] | None = None, who: Identity | None = None
) -> bytes:
    """Returns a document with its manifest inside; PDF, SVG, and archives whose members are not compressed."""
    out = io.BytesIO()
    _builder(actions or created()).sign(_signer(who or identity()), media_type, io.BytesIO(data), out)
    return out.getvalue()


def beside(data: bytes, media_type: str, actions: list[dict[str, Any]] | None = None) -> bytes:
    """Returns the manifest store of a document for a file beside it."""
    builder = _builder(actions or created())
    builder.set_no_embed()
    store: bytes = builder.sign(_signer(identity()), media_type, io.BytesIO(data), io.BytesIO())
    return store


def _store(
    digest: Callable[[int], dict[str, Any]], actions: list[dict[str, Any]] | None = None, who: Identity | None = None
) -> bytes:
    """Signs a digest made by the caller, who is told how long the manifest store will be."""
    from c2pa import c2pa as native  # noqa: PLC0415 - as above

    library = native._lib
    library.c2pa_builder_data_hashed_placeholder.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(_Buffer),
    ]  # fmt: skip
    library.c2pa_builder_data_hashed_placeholder.restype = ctypes.c_int64
    library.c2pa_builder_sign_data_hashed_embeddable.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(_Buffer),
    ]  # fmt: skip
    library.c2pa_builder_sign_data_hashed_embeddable.restype = ctypes.c_int64
    builder, signer = _builder(actions or created()), _signer(who or identity())
    out, form = _Buffer(), b"application/c2pa"
    size = library.c2pa_builder_data_hashed_placeholder(
        builder._handle, signer.reserve_size(), form, ctypes.byref(out)
    )  # fmt: skip
    assert size > 0
    hashed = json.dumps({"name": "jumbf manifest", "alg": "sha256", "pad": [], **digest(size)}).encode()
    size = library.c2pa_builder_sign_data_hashed_embeddable(
        builder._handle, signer._handle, hashed, form, None, ctypes.byref(out)
    )  # fmt: skip
    assert size > 0
    return ctypes.string_at(out, size)


def _digest(data: bytes, start: int, length: int) -> dict[str, Any]:
    return {
        "exclusions": [{"start": start, "length": length}],
        "hash": list(hashlib.sha256(data[:start] + data[start + length :]).digest()),
    }


def wrapped(store: bytes) -> str:
    """Writes a manifest store in characters that nobody sees, padded as A.8 says."""
    frame = b"C2PATXT\x00\x01" + struct.pack(">I", len(store)) + store
    text = "\ufeff" + "".join(map(_selector, frame))
    gap = _wrapped_length(len(store)) - len(text.encode())
    wide = gap % 3
    return text + _selector(0) * ((gap - 4 * wide) // 3) + _selector(16) * wide


def _wrapped_length(size: int) -> int:
    return 3 + (13 + size) * 4 + 6


def _selector(byte: int) -> str:
    return chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16)


def sign_text(
    text: str, actions: list[dict[str, Any]] | None = None, who: Identity | None = None, *, leave_out: int = 0
) -> str:
    """Returns a text with a wrapper behind it.

    Args:
        text: The text.
        actions: As for `sign`.
        who: The signer.
        leave_out: Bytes of the text before the wrapper that the digest leaves out as well: an attack.
    """
    data = text.encode()

    def digest(size: int) -> dict[str, Any]:
        start, length = len(data) - leave_out, _wrapped_length(size) + leave_out
        return _digest(data + b" " * _wrapped_length(size), start, length)

    return text + wrapped(_store(digest, actions, who))


def sign_html(page: str, actions: list[dict[str, Any]] | None = None) -> str:
    """Returns a page with its manifest in a script element at the end of its head (A.7)."""
    before, end, after = page.partition("</head>")
    opening, closing = '<script type="application/c2pa">', "</script>"

    def digest(size: int) -> dict[str, Any]:
        length = len(opening) + len(base64.b64encode(bytes(size))) + len(closing)
        whole = before.encode() + b" " * length + (end + after).encode()
        return _digest(whole, len(before.encode()), length)

    store = base64.b64encode(_store(digest, actions)).decode()
    return f"{before}{opening}{store}{closing}{end}{after}"


def sign_block(text: str, actions: list[dict[str, Any]] | None = None) -> str:
    """Returns Markdown with its manifest in a comment in the first line (A.9)."""
    opening = "<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,"
    closing = " -----END C2PA MANIFEST----- -->\n"

    def digest(size: int) -> dict[str, Any]:
        length = len(opening) + len(base64.b64encode(bytes(size))) + len(closing)
        return _digest(b" " * length + text.encode(), 0, length)

    store = base64.b64encode(_store(digest, actions)).decode()
    return f"{opening}{store}{closing}{text}"


def repacked(archive: bytes, method: int) -> bytes:
    """Returns an archive with all its members compressed in one way."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", method) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    return out.getvalue()
