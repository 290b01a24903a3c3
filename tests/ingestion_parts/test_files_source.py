from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from corpus.errors import ConfigurationError, ParseError, SourceGone, SourceUnavailable, TornRead
from corpus.ids import sha256_hex
from ingestion.sources import local as local_module
from ingestion.sources.files import FilesSource
from ingestion.sources.globs import compile_globs
from ingestion.sources.registry import SOURCES

FILES = {
    "b.md": b"# b",
    "a.html": b"<p>a",
    "deep/er/c.md": b"# c",
    "deep/Über Uns.txt": "über".encode(),
    "deep/er/c.md.meta.yaml": b"owner: ann\n",
    "a.html.meta.json": b'{"owner": "bob"}',
    "orphan.md.meta.yml": b"owner: nobody",
    ".hidden.md": b"x",
    ".git/config.md": b"x",
}


def _local(tmp_path, files):
    for name, data in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return str(tmp_path / "root")


def _memory(tmp_path, files):
    fs = fsspec.filesystem("memory")
    root = f"/{tmp_path.name}/root"
    for name, data in files.items():
        fs.pipe(f"{root}/{name}", data)
    return f"memory:/{root}"


@pytest.fixture(params=[_local, _memory], ids=["local", "memory"])
def place(request, tmp_path):
    return lambda files=FILES: request.param(tmp_path, files)


def test_lists_documents_sorted_without_hidden_files_and_sidecars(place):
    refs = list(FilesSource(place()).list())
    assert [ref.path for ref in refs] == ["a.html", "b.md", "deep/er/c.md", "deep/Über Uns.txt"]
    assert [bool(ref.sidecar_uri) for ref in refs] == [True, False, True, False]
    assert [ref.size for ref in refs] == [4, 3, 3, 5]
    assert refs[0].doc_id == "a.html"
    assert len({ref.doc_id for ref in refs}) == 4
    assert all(ref.modified_at.tzinfo for ref in refs)


def test_listing_is_deterministic_and_reading_gives_the_bytes(place):
    source = FilesSource(place())
    assert list(source.list()) == list(source.list())
    blobs = {ref.path: source.read(ref) for ref in source.list()}
    assert blobs["deep/Über Uns.txt"].data == "über".encode()
    assert blobs["a.html"].sha256 == sha256_hex(b"<p>a")
    assert json.loads(blobs["a.html"].sidecar) == {"owner": "bob"}
    assert blobs["b.md"].sidecar == b""


def test_globs_choose(place):
    root = place()
    chosen = FilesSource(root, include=("**/*.{md,html}",), exclude=("deep/**",)).list()
    assert [ref.path for ref in chosen] == ["a.html", "b.md"]
    assert [ref.path for ref in FilesSource(root, include=("*.md",)).list()] == ["b.md"]


def test_every_option_that_changes_the_listing_changes_the_fingerprint(place):
    root = place()
    options = [{}, {"include": ("*.md",)}, {"exclude": ("*.md",)}, {"max_bytes": 3}]
    prints = [FilesSource(root, **option).fingerprint for option in options]
    assert len(set(prints)) == len(prints)
    assert FilesSource(root).fingerprint == prints[0]


def test_missing_root_is_not_an_empty_listing(place):
    with pytest.raises(SourceUnavailable, match="cannot be listed"):
        FilesSource(place() + "/nowhere").list()


def test_too_large_is_refused_before_and_while_reading(place):
    root = place({"big.txt": b"x" * 100})
    (ref,) = FilesSource(root).list()
    with pytest.raises(ParseError, match="100 bytes") as caught:
        FilesSource(root, max_bytes=99).read(ref)
    assert caught.value.code == "too_large"
    grown = FilesSource(root, max_bytes=50)
    with pytest.raises(ParseError) as caught:
        grown.read(type(ref)(**{**{n: getattr(ref, n) for n in ref.__slots__}, "size": 10}))
    assert caught.value.code == "too_large"


def test_vanished_document_is_gone(place, tmp_path):
    source = FilesSource(place({"a.txt": b"1"}))
    (ref,) = source.list()
    fs, path = fsspec.core.url_to_fs(ref.uri)
    fs.rm(path)
    with pytest.raises(SourceGone):
        source.read(ref)


def test_vanished_sidecar_is_a_torn_read(place):
    source = FilesSource(place({"a.txt": b"1", "a.txt.meta.yaml": b"owner: x"}))
    (ref,) = source.list()
    fs, path = fsspec.core.url_to_fs(ref.sidecar_uri)
    fs.rm(path)
    with pytest.raises(TornRead):
        source.read(ref)


def test_a_ref_of_elsewhere_is_not_read(place, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"secret")
    source = FilesSource(place({"a.txt": b"1"}))
    (ref,) = source.list()
    values = {name: getattr(ref, name) for name in ref.__slots__}
    for uri in (outside.as_uri(), "memory:///elsewhere/x.txt"):
        with pytest.raises(SourceGone):
            source.read(type(ref)(**{**values, "uri": uri}))


def test_links_out_of_the_root_are_not_followed(tmp_path):
    root = Path(_local(tmp_path, {"a.txt": b"1"}))
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop").symlink_to(root)
    (root / "dangling.txt").symlink_to(root / "nothing")
    (root / "inside.txt").symlink_to(root / "a.txt")
    os.mkfifo(root / "pipe.txt")
    assert [ref.path for ref in FilesSource(str(root)).list()] == ["a.txt", "inside.txt"]


def test_a_link_that_turns_outwards_after_listing_is_not_read(tmp_path):
    root = Path(_local(tmp_path, {"a.txt": b"1"}))
    (tmp_path / "secret.txt").write_bytes(b"secret")
    source = FilesSource(str(root))
    (ref,) = source.list()
    (root / "a.txt").unlink()
    (root / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(SourceGone):
        source.read(ref)


def test_names_that_are_not_utf8_can_be_read(tmp_path):
    root = _local(tmp_path, {"a.txt": b"1"})
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).write_bytes(b"2")
    source = FilesSource(root)
    refs = list(source.list())
    assert [source.read(ref).data for ref in refs] == [b"1", b"2"]
    assert all(ref.path.encode("utf-8") for ref in refs)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_an_unreadable_folder_fails_the_whole_listing():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "a.txt").write_bytes(b"1")
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0o700)
        source = FilesSource(folder)
        os.seteuid(65534)
        try:
            with pytest.raises(SourceUnavailable, match="Permission denied"):
                source.list()
        finally:
            os.seteuid(0)


class _Growing:
    """A real file that another writer appends to between our stat and our read."""

    def __init__(self, path, times):
        self.path, self.times, self.fstat = path, times, os.fstat

    def __call__(self, descriptor):
        status = self.fstat(descriptor)
        if self.times:
            self.times -= 1
            with self.path.open("ab") as handle:
                handle.write(b"more")
        return status


@pytest.mark.parametrize(("changes", "is_torn"), [(2, False), (100, True)])
def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch, changes, is_torn):
    root = Path(_local(tmp_path, {"a.txt": b"1"}))
    source = FilesSource(str(root))
    (ref,) = source.list()
    monkeypatch.setattr(local_module.os, "fstat", _Growing(root / "a.txt", changes))
    if is_torn:
        with pytest.raises(TornRead, match="3 reads"):
            source.read(ref)
    else:
        assert source.read(ref).data == b"1moremore"


def test_a_touched_but_unchanged_file_is_stable(tmp_path, monkeypatch):
    root = Path(_local(tmp_path, {"a.txt": b"1"}))
    source = FilesSource(str(root))
    (ref,) = source.list()
    fstat = os.fstat

    def touching(descriptor):
        status = fstat(descriptor)
        os.utime(root / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
        return status

    monkeypatch.setattr(local_module.os, "fstat", touching)
    assert source.read(ref).data == b"1"


def test_same_id_twice_names_both(tmp_path):
    """A byte that is no UTF-8 is shown as a backslash escape, which another name can spell out."""
    root = _local(tmp_path, {"caf\\xe9.txt": b"1"})
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).write_bytes(b"2")
    with pytest.raises(ConfigurationError, match=r"caf%5Cxe9\.txt.*caf%E9\.txt|caf%E9\.txt.*caf%5Cxe9\.txt"):
        FilesSource(root).list()


def test_modified_time_is_the_files(tmp_path):
    root = Path(_local(tmp_path, {"a.txt": b"1"}))
    os.utime(root / "a.txt", (1_700_000_000, 1_700_000_000))
    (ref,) = FilesSource(str(root)).list()
    assert ref.modified_at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("**/*.{md,html}", ["a.md", "x/y/b.html"], ["a.mdx", "a.pdf"]),
        ("*.md", ["a.md"], ["x/a.md"]),
        ("docs/**", ["docs/a", "docs/b/c"], ["doc/a", "docs"]),
        ("a?c.txt", ["abc.txt"], ["a/c.txt", "ac.txt"]),
        ("[!a-c]*.txt", ["d.txt"], ["a.txt", "/.txt"]),
        ("v{1,2{a,b}}.md", ["v1.md", "v2a.md", "v2b.md"], ["v2.md"]),
        ("a,b+(c).md", ["a,b+(c).md"], ["abc.md"]),
        ("./x/*.md", ["x/a.md"], ["y/a.md"]),
    ],
)
def test_globs(pattern, matches, misses):
    wanted = compile_globs((pattern,))
    assert all(wanted(path) for path in matches)
    assert not any(wanted(path) for path in misses)


@pytest.mark.parametrize("pattern", ["**/*.{md", "a}", "[abc"])
def test_malformed_globs_are_named(pattern):
    with pytest.raises(ConfigurationError, match="not closed"):
        compile_globs((pattern,))


def test_options_are_checked(tmp_path):
    with pytest.raises(ConfigurationError, match="max_bytes=0"):
        FilesSource(str(tmp_path), max_bytes=0)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        FilesSource("nosuchprotocol://x")


def test_every_registered_source_loads():
    assert all(SOURCES.load(name) is FilesSource for name in SOURCES.table if name != "api")
    assert SOURCES.load("api").__name__ == "WebSource"
