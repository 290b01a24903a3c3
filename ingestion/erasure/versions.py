"""Builds every retained version that speaks of a document again without it, and puts it in the place of the old one.

A version never changes: the new one has a number of its own, is signed, and its manifest says what it takes the place
of. The aliases move to it, then the old folder goes. Killed between any two steps, a reader sees the one or the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version as installed

from corpus.catalog import erasures, holds, versions
from corpus.catalog.erasures import ErasureRecord
from corpus.errors import ConfigurationError, IntegrityError
from index import layout, rewrite
from index import release as releases
from index.manifest import Manifest, RunInfo
from index.pointer import version_numbers
from index.retention import remove_version
from index.signing import Signer, TrustStore
from index.verify import Verified, verify_manifest, verify_version
from ingestion.erasure.words import Words
from ingestion.runtime import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One erasure at work.

    Attributes:
        runtime: The project.
        record: The erasure.
        words: What the document said.
        signer: Signs versions, aliases, tombstones and the receipt.
        run_id: The erasure as a run.
    """

    runtime: Runtime
    record: ErasureRecord
    words: Words
    signer: Signer
    run_id: str

    @property
    def name(self) -> str:
        """Name of the contract, and of its index."""
        return self.record.contract


def replace_versions(work: Work) -> dict[int, int]:
    """Puts a new version in the place of each that speaks of the document, oldest first.

    Returns:
        Number of each version that is gone to the number that it has now; 0 where it was damaged and served nobody.

    Raises:
        IntegrityError: A version that an alias points to cannot be verified, so it cannot be built again.
    """
    done: dict[int, int] = {}
    for number in version_numbers(work.runtime.store, work.name):
        with work.runtime.catalog.reading() as tx:
            replaced = erasures.replacements(tx, work.name)
        if number in replaced:
            _take_place(work, number, replaced[number])
            done[number] = replaced[number]
            continue
        verified = _verified(work, number)
        if verified is None:
            done[number] = _drop_damaged(work, number)
        elif _speaks(work, verified.manifest):
            done[number] = _replace(work, verified.manifest, replaced)
    return done


def _speaks(work: Work, manifest: Manifest) -> bool:
    """Returns whether a version holds the document, says something about it, or has a contract that quotes it."""
    store = work.runtime.store
    if rewrite.speaks_of(store, manifest, {work.record.doc_id}, work.words.clean_row):
        return True
    text = store.read_bytes(f"{layout.version_path(manifest.name, manifest.number)}/{layout.CONTRACT}").decode("utf-8")
    return work.words.redact(text) != text


def _verified(work: Work, number: int) -> Verified | None:
    trust = TrustStore.from_folder(work.runtime.settings.trusted_keys)
    try:
        return verify_manifest(work.runtime.store, work.name, number, trust)
    except (IntegrityError, ConfigurationError):
        return None


def _drop_damaged(work: Work, number: int) -> int:
    """Removes what no reader can open; it may hold anything."""
    with work.runtime.catalog.reading() as tx:
        pointed = [state.alias for state in versions.aliases(tx, work.name) if state.number == number]
    if pointed:
        raise IntegrityError(
            f"{work.name} {layout.version_name(number)}, which {pointed[0]!r} points to, is not what its signature "
            "says: it cannot be built again without the document. Restore it, or roll back, then run the command again."
        )
    _retire(work, number)
    return 0


def _replace(work: Work, manifest: Manifest, replaced: dict[int, int]) -> int:
    store, catalog = work.runtime.store, work.runtime.catalog
    trust = TrustStore.from_folder(work.runtime.settings.trusted_keys)
    with store.scratch() as scratch:
        built = rewrite.build_without(
            scratch, store, manifest, {work.record.doc_id}, work.words.clean_row, work.words.redact
        )
        fresh = rewrite.manifest_without(
            manifest,
            built,
            number=releases.next_number(store, catalog, work.name),
            previous=replaced.get(manifest.previous, manifest.previous) if manifest.previous else None,
            run=RunInfo(run_id=work.run_id, code_version=installed("stemma-rag"), actor=work.record.actor),
            message=f"Takes the place of {layout.version_name(manifest.number)}, without what erasure "
            f"{work.record.digest[:12]} took. The other gates judged {layout.version_name(manifest.number)}.",
        )
        orphan = releases.find_orphan(store, catalog, fresh, trust)
        if orphan is None:
            releases.seal(built.folder, fresh, work.signer, aliases_signed=True)
            releases.publish(store, work.name, fresh.number, built.folder)
    number = (orphan or fresh).number
    published = verify_version(store, work.name, number, trust)
    with catalog.transaction() as tx:
        before = versions.get(tx, work.name, manifest.number)
        state = before.state if before is not None else "candidate"
        versions.add(tx, releases.version_record(published.manifest, published.manifest_sha256, state))
        erasures.replace_version(tx, work.name, manifest.number, number)
        holds.hand_over(tx, work.name, manifest.number, number)
    _take_place(work, manifest.number, number)
    return number


def _take_place(work: Work, old: int, new: int) -> None:
    """Moves the aliases of a version to the one in its place, and removes it."""
    with work.runtime.catalog.reading() as tx:
        pointing = [state for state in versions.aliases(tx, work.name) if state.number == old]
    for state in pointing:
        releases.activate(
            work.runtime.store,
            work.runtime.catalog,
            work.name,
            state.alias,
            new,
            expected_generation=state.generation,
            actor=work.record.actor,
            reason=f"erasure {work.record.digest[:12]}",
            signer=work.signer,
        )
    _retire(work, old)


def _retire(work: Work, number: int) -> None:
    """Takes a version out of service, then removes it: killed in between, its folder is still there to be found."""
    with work.runtime.catalog.transaction() as tx:
        if versions.get(tx, work.name, number) is not None:
            versions.set_state(tx, work.name, number, "retired")
    remove_version(work.runtime.store, work.name, number)


def project_aliases(work: Work) -> None:
    """Writes the alias files again: they say how far the tombstones are."""
    with work.runtime.catalog.reading() as tx:
        states = versions.aliases(tx, work.name)
    for state in states:
        releases.project_alias(work.runtime.store, work.runtime.catalog, state, work.signer)
