"""How many neighbours chunks keep from one published version to another, of whatever models. Loads no model."""

from __future__ import annotations

from contextlib import ExitStack

from corpus import batches
from corpus.catalog.records import VersionRecord
from index import layout, search
from index.drift_gates import Overlap
from index.overlap import COLUMNS, Side, neighbour_overlap
from index.signing import TrustStore
from index.verify import verify_version
from ingestion.runtime import Runtime

K, SAMPLE = 5, 200
"""Neighbours of a chunk that are looked at, as the gate `overlap` does after a change of the model; and chunks."""


def nearness(runtime: Runtime, before: VersionRecord, after: VersionRecord) -> Overlap:
    """Measures how many of its nearest neighbours a chunk keeps, over a sample, having checked every byte of both.

    Raises:
        IntegrityError: A version is not what its signature says.
        ConfigurationError: Its files are gone.
    """
    trust = TrustStore.from_folder(runtime.settings.trusted_keys)
    with ExitStack() as stack:
        sides = []
        for version in (before, after):
            verify_version(runtime.store, version.name, version.number, trust)
            folder = layout.version_path(version.name, version.number)
            with runtime.store.open(f"{folder}/{layout.CHUNKS}") as handle:
                chunks = batches.read_table(handle, list(COLUMNS))
            path = stack.enter_context(runtime.store.local_file(f"{folder}/{layout.INDEX}"))
            sides.append(Side.of(search.map_index(path), chunks))
        same = before.embedder_fingerprint == after.embedder_fingerprint
        return neighbour_overlap(sides[0], sides[1], k=K, sample=SAMPLE, same_space=same)
