import json
import stat
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from corpus.errors import ConfigurationError, SignatureInvalid
from index.signing import (
    PAYLOAD_TYPE,
    STATEMENT_TYPE,
    TrustStore,
    generate_keypair,
    load_signer,
    sign_statement,
    verify,
)

SUBJECTS = {"manifest.json": "a" * 64, "index.faiss": "b" * 64}


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "keys/one.pem", tmp_path / "trusted/one.pub"
    keyid = generate_keypair(private, public)
    return private, public, keyid


@pytest.fixture
def signer(keys):
    return load_signer(keys[0])


@pytest.fixture
def trust(keys):
    return TrustStore.from_folder(keys[1].parent)


@pytest.fixture
def envelope(signer):
    return sign_statement(signer, SUBJECTS, {"name": "handbook", "number": 1})


def test_a_signature_of_a_trusted_key_is_accepted(keys, trust, envelope):
    assert verify(envelope, trust, SUBJECTS) == keys[2]


def test_the_envelope_is_an_in_toto_statement_in_dsse(keys, envelope):
    outer = json.loads(envelope)
    assert set(outer) == {"payload", "payloadType", "signatures"}
    assert outer["payloadType"] == PAYLOAD_TYPE
    statement = json.loads(b64decode(outer["payload"]))
    assert statement["_type"] == STATEMENT_TYPE
    assert {item["name"]: item["digest"]["sha256"] for item in statement["subject"]} == SUBJECTS
    # Checked by hand as the DSSE specification says, without the library that signed.
    payload, kind = b64decode(outer["payload"]), PAYLOAD_TYPE.encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    key = load_pem_private_key(keys[0].read_bytes(), None).public_key()
    key.verify(b64decode(outer["signatures"][0]["sig"]), signed)


def test_signing_is_deterministic(signer, envelope):
    assert sign_statement(signer, SUBJECTS, {"name": "handbook", "number": 1}) == envelope


def test_the_private_key_is_for_its_owner_only(keys):
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600


@pytest.mark.parametrize("which", [0, 1])
def test_a_key_is_never_overwritten(keys, tmp_path, which):
    before = keys[which].read_bytes()
    paths = [tmp_path / "new.pem", tmp_path / "new.pub"]
    paths[which] = keys[which]
    with pytest.raises(ConfigurationError, match="not overwritten"):
        generate_keypair(*paths)
    assert keys[which].read_bytes() == before
    assert not paths[1 - which].exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused(keys, mode):
    keys[0].chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {keys[0]}"):
        load_signer(keys[0])


def test_a_missing_key_says_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match="stemma init"):
        load_signer(tmp_path / "none.pem")


def _private(path, key, protection=None):
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption()))
    path.chmod(0o600)
    return path


def test_only_unencrypted_ed25519_keys_sign(keys, tmp_path):
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"not a key")
    garbage.chmod(0o600)
    locked = _private(
        tmp_path / "locked.pem", load_pem_private_key(keys[0].read_bytes(), None), BestAvailableEncryption(b"x")
    )
    curve = _private(tmp_path / "curve.pem", ec.generate_private_key(ec.SECP256R1()))
    for path in (garbage, locked, curve):
        with pytest.raises(ConfigurationError, match=r"no unencrypted PEM|ed25519"):
            load_signer(path)


def test_a_trusted_file_that_is_no_key_is_not_skipped(keys):
    bad = keys[1].parent / "bad.pub"
    bad.write_text("hello")
    with pytest.raises(ConfigurationError, match=r"bad\.pub"):
        TrustStore.from_folder(keys[1].parent)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    bad.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigurationError, match="ed25519"):
        TrustStore.from_folder(keys[1].parent)


def test_nobody_trusted_accepts_nothing(envelope, tmp_path):
    with pytest.raises(SignatureInvalid, match="trusts no key"):
        verify(envelope, TrustStore.from_folder(tmp_path / "missing"), SUBJECTS)


def test_no_signature(trust):
    with pytest.raises(SignatureInvalid, match="there is no signature"):
        verify(b"", trust, SUBJECTS)


def test_a_key_that_is_not_trusted(envelope, tmp_path):
    generate_keypair(tmp_path / "two.pem", tmp_path / "other/two.pub")
    with pytest.raises(SignatureInvalid, match="Add the signer's public key if you trust it"):
        verify(envelope, TrustStore.from_folder(tmp_path / "other"), SUBJECTS)


def test_a_forged_key_id_does_not_help(keys, trust, tmp_path):
    generate_keypair(tmp_path / "two.pem", tmp_path / "other/two.pub")
    forged = json.loads(sign_statement(load_signer(tmp_path / "two.pem"), SUBJECTS, {}))
    forged["signatures"][0]["keyid"] = keys[2]
    with pytest.raises(SignatureInvalid, match="altered"):
        verify(json.dumps(forged).encode(), trust, SUBJECTS)


def test_an_altered_statement(trust, envelope):
    outer = json.loads(envelope)
    outer["payload"] = b64encode(b64decode(outer["payload"]).replace(b"a" * 64, b"c" * 64)).decode()
    with pytest.raises(SignatureInvalid, match="altered"):
        verify(json.dumps(outer).encode(), trust, {**SUBJECTS, "manifest.json": "c" * 64})


def test_an_altered_file(trust, envelope):
    with pytest.raises(SignatureInvalid, match=r"index\.faiss has sha256 cccc"):
        verify(envelope, trust, {**SUBJECTS, "index.faiss": "c" * 64})


def test_a_file_that_was_not_signed(trust, envelope):
    with pytest.raises(SignatureInvalid, match=r"does not speak of extra\.bin"):
        verify(envelope, trust, {**SUBJECTS, "extra.bin": "a" * 64})


def _resign(signer, statement, kind=PAYLOAD_TYPE):
    payload = json.dumps(statement).encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    sig = signer.sign(signed)
    return json.dumps(
        {
            "payload": b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"keyid": sig.keyid, "sig": b64encode(bytes.fromhex(sig.signature)).decode()}],
        }
    ).encode()


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://example.org/other"},
        {"predicateType": "urn:other"},
        {"subject": [{"name": "manifest.json"}]},
        {"subject": [{"name": "manifest.json", "digest": {"sha256": "a" * 64}}] * 2},
        {"subject": 7},
    ],
)
def test_a_trusted_signature_over_something_else(signer, trust, envelope, change):
    statement = json.loads(b64decode(json.loads(envelope)["payload"]))
    assert verify(_resign(signer, statement), trust, SUBJECTS)
    with pytest.raises(SignatureInvalid):
        verify(_resign(signer, {**statement, **change}), trust, SUBJECTS)


def test_a_trusted_signature_of_another_payload_type(signer, trust, envelope):
    statement = json.loads(b64decode(json.loads(envelope)["payload"]))
    with pytest.raises(SignatureInvalid, match="text/plain"):
        verify(_resign(signer, statement, "text/plain"), trust, SUBJECTS)


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'"x"',
        b"\xff\xfe",
        b'{"payload":"","payloadType":"x","signatures":[{"keyid":"a"}]}',
        b'{"payload":"*","payloadType":"x","signatures":[]}',
        b'{"payload":"","payloadType":7,"signatures":[]}',
    ],
)
def test_what_is_no_envelope(trust, data):
    with pytest.raises(SignatureInvalid):
        verify(data, trust, SUBJECTS)


def test_every_flipped_byte_of_an_envelope_is_refused_or_harmless(trust, envelope):
    statement = b64decode(json.loads(envelope)["payload"])
    for place in range(0, len(envelope), 3):
        altered = bytearray(envelope)
        altered[place] ^= 1
        try:
            verify(bytes(altered), trust, SUBJECTS)
        except SignatureInvalid:
            continue
        # Accepted only where the signed bytes are still the same (an unused bit of base64).
        assert b64decode(json.loads(bytes(altered))["payload"]) == statement


def test_any_one_of_several_trusted_keys_is_enough(keys, envelope):
    generate_keypair(keys[0].parent / "two.pem", keys[1].parent / "two.pub")
    trust = TrustStore.from_folder(keys[1].parent)
    assert len(trust.keys) == 2
    assert verify(envelope, trust, SUBJECTS) == keys[2]
    keys[1].unlink()
    with pytest.raises(SignatureInvalid):
        verify(envelope, TrustStore.from_folder(keys[1].parent), SUBJECTS)
