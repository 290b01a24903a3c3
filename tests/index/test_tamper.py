"""Whoever can write the home and has no key: whatever is changed, a reader that opens says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.errors import ConfigurationError, IntegrityError, SignatureInvalid, StemmaError
from index import layout
from index.pointer import AliasPointer, verified_pointer
from index.reader import open_index
from index.signing import TrustStore, generate_keypair, load_signer
from index.verify import verify_version

NAME = "handbook"
FILES = (*layout.CONTENT_FILES, layout.MANIFEST, layout.ENVELOPE)
SAMPLE = 150
"""Bytes of a file that are flipped, spread over it, its first and last among them; short files have all."""


@pytest.fixture
def two(world, make_doc, docs):
    """Two versions with their aliases, as a release leaves them."""
    first = world.publish(1, aliases_signed=True)
    world.publish(2, [*docs, make_doc("extra", "An extra page about extras.")], alias="live", aliases_signed=True)
    return first


@pytest.fixture
def folder(world):
    return Path(world.store.path(layout.version_path(NAME, 2)))


def _open(world, **options):
    return open_index(world.store.url, NAME, **{"trust": world.trust, "embedder": world.embedder, **options})


def _places(size: int) -> list[int]:
    step = max(1, size // SAMPLE)
    return sorted({*range(0, size, step), size - 1})


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_byte_of_every_file_is_caught_at_open(world, two, folder, name):
    path = folder / name
    right = path.read_bytes()
    for place in _places(len(right)):
        for bit in (1, 0x80):
            altered = bytearray(right)
            altered[place] ^= bit
            path.write_bytes(bytes(altered))
            with pytest.raises((IntegrityError, SignatureInvalid)):
                _open(world, embedder=None)
    path.write_bytes(right)
    assert len(_open(world)) == 8


def test_every_flipped_byte_of_an_alias_file_is_caught_at_open(world, two):
    path = Path(world.store.path(layout.alias_path(NAME, "live")))
    right = path.read_bytes()
    for place in _places(len(right)):
        altered = bytearray(right)
        altered[place] ^= 1
        path.write_bytes(bytes(altered))
        with pytest.raises(StemmaError):
            _open(world)
    path.write_bytes(right)
    assert len(_open(world)) == 8


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0.0, 0.5, -1])
def test_a_truncated_file_is_caught(world, two, folder, name, keep):
    right = (folder / name).read_bytes()
    (folder / name).write_bytes(right[: int(len(right) * keep) if keep >= 0 else -1])
    with pytest.raises(IntegrityError):
        _open(world)


@pytest.mark.parametrize("name", FILES)
def test_a_longer_file_is_caught(world, two, folder, name):
    with (folder / name).open("ab") as handle:
        handle.write(b"\n")
    with pytest.raises(IntegrityError):
        _open(world)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_caught(world, two, folder, name):
    (folder / name).unlink()
    with pytest.raises((IntegrityError, ConfigurationError)):
        _open(world)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_version_is_caught(world, two, folder, name):
    theirs = Path(world.store.path(layout.version_path(NAME, 1))) / name
    if theirs.read_bytes() == (folder / name).read_bytes():
        pytest.skip("the same in both versions")
    shutil.copyfile(theirs, folder / name)
    with pytest.raises(IntegrityError):
        _open(world)


def test_all_files_of_another_version_are_caught(world, two, folder):
    shutil.rmtree(folder)
    shutil.copytree(world.store.path(layout.version_path(NAME, 1)), folder)
    with pytest.raises(IntegrityError, match="copied or renamed"):
        _open(world, version=2)


def test_a_version_of_another_index_is_caught(world, two, folder):
    world.publish(2, name="other", aliases_signed=True)
    shutil.rmtree(folder)
    shutil.copytree(world.store.path(layout.version_path("other", 2)), folder)
    with pytest.raises(IntegrityError, match="copied or renamed"):
        _open(world, version=2)


@pytest.mark.parametrize("name", ["extra.bin", "index.faiss.bak", ".hidden", ".tmp-x"])
def test_an_extra_file_is_caught(world, two, folder, name):
    (folder / name).write_bytes(b"x")
    with pytest.raises(IntegrityError, match="its manifest does not name"):
        _open(world)
    with pytest.raises(IntegrityError, match="its manifest does not name"):
        verify_version(world.store, NAME, 2, world.trust)


@pytest.mark.parametrize("name", FILES)
def test_a_link_in_the_place_of_a_file_is_caught_also_where_it_leads_to_the_right_bytes(
    world, two, folder, tmp_path, name
):
    shutil.move(folder / name, tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    with pytest.raises(IntegrityError, match="is a link"):
        _open(world)


def test_a_link_in_the_place_of_a_version_is_caught(world, two, folder, tmp_path):
    shutil.move(folder, tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved", target_is_directory=True)
    with pytest.raises(IntegrityError, match="is a link"):
        _open(world)


def test_a_missing_signature_and_a_wrong_key_are_caught(world, two, folder, tmp_path):
    generate_keypair(tmp_path / "their.pem", tmp_path / "theirs/their.pub")
    with pytest.raises(SignatureInvalid, match="Add the signer's public key"):
        _open(world, trust=TrustStore.from_folder(tmp_path / "theirs"))
    (folder / layout.ENVELOPE).unlink()
    with pytest.raises(SignatureInvalid, match="there is no signature"):
        _open(world)


def test_another_spelling_of_a_signature_is_caught(world, two, folder):
    path = folder / layout.ENVELOPE
    right = path.read_bytes()
    path.write_bytes(right.replace(b'","payloadType"', b'", "payloadType"'))
    assert path.read_bytes() != right
    with pytest.raises(SignatureInvalid, match="was altered"):
        _open(world)


# The alias: what version serves is as much worth to an attacker as what is in it.


def _pointer(world, number: int, **changes) -> AliasPointer:
    digest = verify_version(world.store, NAME, number, world.trust).manifest_sha256
    plain = AliasPointer(
        alias="live",
        version=number,
        manifest_sha256=digest,
        generation=9,
        moved_at="2026-01-02T03:04:05+00:00",
        actor="tester",
    )
    return replace(plain, **changes)


def _put(world, data: bytes, name: str = NAME, alias: str = "live") -> None:
    world.store.replace(layout.alias_path(name, alias), data)


def test_an_unsigned_alias_file_cannot_point_to_an_older_version(world, two):
    _put(world, _pointer(world, 1).to_bytes())
    with pytest.raises(SignatureInvalid, match="is not signed, and v000001 says that it has to be"):
        _open(world)


def test_an_alias_file_that_somebody_else_signed_is_refused(world, two, tmp_path):
    generate_keypair(tmp_path / "their.pem", tmp_path / "theirs/their.pub")
    _put(world, _pointer(world, 1).to_bytes(load_signer(tmp_path / "their.pem"), NAME))
    with pytest.raises(SignatureInvalid):
        _open(world)


def test_the_file_of_another_alias_is_refused(world, two):
    signer = load_signer(world.key)
    _put(world, _pointer(world, 1, alias="shadow").to_bytes(signer, NAME))
    with pytest.raises(IntegrityError, match="is that of 'shadow'"):
        _open(world)


def test_the_alias_file_of_another_index_is_refused(world, two):
    _put(world, _pointer(world, 1).to_bytes(load_signer(world.key), "other"))
    with pytest.raises(SignatureInvalid, match="signed for another index"):
        _open(world)


def test_an_older_alias_file_is_refused_by_a_reader_that_remembers(world, two, tmp_path):
    """Both were signed in their time, and nothing inside the home tells which came last."""
    signer = load_signer(world.key)
    older = _pointer(world, 1, generation=1).to_bytes(signer, NAME)
    _put(world, _pointer(world, 2, generation=2).to_bytes(signer, NAME))
    seen = tmp_path / "reader/seen.json"
    assert _open(world, seen=seen).manifest.number == 2
    _put(world, older)
    assert _open(world).manifest.number == 1
    with pytest.raises(IntegrityError, match="an older alias file was put back"):
        _open(world, seen=seen)
    _put(world, _pointer(world, 1, generation=3).to_bytes(signer, NAME))
    assert _open(world, seen=seen).manifest.number == 1, "a roll-back counts up, and is followed"


def test_an_older_manifest_under_a_newer_alias_is_refused(world, two, folder):
    """The alias file names the digest of the manifest, so a version that was signed earlier does not pass."""
    first = verify_version(world.store, NAME, 2, world.trust).manifest_sha256
    shutil.rmtree(folder)
    world.publish(2, run_id="run-2", aliases_signed=True)
    assert verify_version(world.store, NAME, 2, world.trust).manifest_sha256 != first
    with pytest.raises(IntegrityError, match="points to v000002 with manifest"):
        _open(world)


def test_homes_of_earlier_builds_stay_readable(world):
    world.publish(1, alias="live")
    found, signed = verified_pointer(world.store, NAME, "live", world.trust)
    assert (found.version, found.tombstones, signed) == (1, 0, False)
    assert len(_open(world)) == 7
    old = b'{"actor":"a","alias":"live","generation":1,"manifest_sha256":"%s","moved_at":"2026-01-02","version":1}'
    digest = verify_version(world.store, NAME, 1, world.trust).manifest_sha256
    _put(world, old % digest.encode())
    assert len(_open(world)) == 7


def test_a_mapped_index_is_verified_too(world, two, folder):
    right = (folder / layout.INDEX).read_bytes()
    altered = bytearray(right)
    altered[len(right) // 2] ^= 1
    (folder / layout.INDEX).write_bytes(bytes(altered))
    with pytest.raises(IntegrityError):
        _open(world, mmap=True)


def test_files_that_only_their_owner_can_read_are_still_read(world, two, folder):
    for name in FILES:
        (folder / name).chmod(0o400)
    assert len(_open(world)) == 8
