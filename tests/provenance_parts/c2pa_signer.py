"""A C2PA signer for tests: a fresh certificate under a fresh authority, in nobody's trust list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


def signer() -> Any:
    import c2pa  # noqa: PLC0415 - an optional library

    authority, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = [_certificate("leaf", leaf, authority, ca=False), _certificate("authority", authority, authority, ca=True)]
    pem = b"".join(item.public_bytes(Encoding.PEM) for item in chain).decode()

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(leaf.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, pem, None)


def _name(common: str) -> x509.Name:
    attributes = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, "Test"))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _certificate(subject: str, key: Key, authority: Key, *, ca: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = {"content_commitment": False, "key_encipherment": False, "data_encipherment": False}
    usage |= {"key_agreement": False, "encipher_only": False, "decipher_only": False}
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    if not ca:
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usages, critical=False)
    return builder.sign(authority, hashes.SHA256())
