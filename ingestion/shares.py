"""Which share of a corpus is AI-written: declared, matched, with residue, suspected, and estimated; never added up.

Counted over documents, from what was stored about each: of a contract as it stands, of each of its sources, or of
each index version. Estimates are made here, on demand; no manifest holds one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from corpus import batches
from corpus.catalog import documents, versions
from corpus.errors import DigestMismatch
from corpus.storage import file_digest
from corpus.types import Basis
from index.layout import DOCUMENTS, MANIFEST, version_name, version_path
from index.manifest import Manifest
from ingestion.runtime import Runtime
from ingestion.statistical import cards
from provenance.contamination import count_origins, origin_mix
from provenance.share import CAVEAT, ShareEstimate, estimate
from provenance.statistics.card import ModelCard
from provenance.statistics.conformal import Rate
from provenance.statistics.detector import ABOVE, PREFIX
from provenance.statistics.model import Verdict

By = Literal["contract", "source", "version"]
_COLUMNS = ["revision_id", "source_system", "digital_source_type", "origin_basis", "generation_depth", "findings"]
_ESTABLISHED = (Basis.DECLARED.value, Basis.MATCHED.value)
_SCORED = frozenset(f"{PREFIX}{verdict.value}" for verdict in Verdict if verdict.scored)

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Tally:
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    residue: int = 0
    passages: int = 0
    read: dict[str, Counter[str]] = field(default_factory=dict)
    """Card digest to what the model said of the documents whose origin is neither declared nor matched."""

    def add(self, row: Row) -> None:
        self.rows.append((row["digital_source_type"], row["origin_basis"], row["generation_depth"]))
        if '"E4"' not in row["findings"] and PREFIX not in row["findings"]:
            return
        findings = json.loads(row["findings"])
        passages = sum(1 for item in findings if item["level"] == "E4" and item["scope"] == "passage")
        self.residue += bool(passages)
        self.passages += passages
        if row["origin_basis"] in _ESTABLISHED:
            return
        for item in findings:
            if item["code"].startswith(PREFIX):
                self.read.setdefault(str(item["detail"].get("card", "")), Counter())[item["code"]] += 1


def shares(runtime: Runtime, contract: str, by: By, *, number: int | None = None) -> list[dict[str, Any]]:
    """Returns the shares of one contract, of each of its sources, or of each of its index versions.

    Args:
        runtime: The project.
        contract: Name of the contract.
        by: What to tell apart.
        number: With `by` version: only this one; None for all.

    Returns:
        One object for each, by name: `group`, `documents`, and under `declared`, `matched`, `residue`, `suspected`,
        `unknown` the documents and their share; under `estimated` the interval or why there is none.

    Raises:
        DigestMismatch: Documents of a version are not those that its manifest names.
        IntegrityError: A manifest or a model card cannot be read or is not what was signed.
    """
    known = cards(runtime.store, runtime.settings.trusted_keys)
    tallies: dict[str, _Tally] = {}
    rows = _of_versions(runtime, contract, number) if by == "version" else _standing(runtime, contract)
    for label, row in rows:
        name = {"contract": contract, "source": row["source_system"] or ""}.get(by, label)
        tallies.setdefault(name, _Tally()).add(row)
    return [_told(name, tallies[name], known) for name in sorted(tallies)]


def _standing(runtime: Runtime, contract: str) -> Iterator[tuple[str, Row]]:
    with runtime.catalog.reading() as tx:
        active = [(item.segment_id, item.revision_id) for item in documents.active(tx, contract)]
    wanted: dict[str, set[str]] = {}
    for segment, revision in active:
        wanted.setdefault(segment, set()).add(revision)
    for segment in sorted(wanted):
        with runtime.store.local_file(f"segments/{segment}/documents.parquet") as path:
            for row in batches.stream_rows(path, _COLUMNS):
                if row["revision_id"] in wanted[segment]:
                    yield "", row


def _of_versions(runtime: Runtime, contract: str, only: int | None) -> Iterator[tuple[str, Row]]:
    with runtime.catalog.reading() as tx:
        numbers = [version.number for version in versions.all_of(tx, contract)]
    for number in numbers if only is None else [only]:
        folder = version_path(contract, number)
        if not runtime.store.exists(f"{folder}/{MANIFEST}"):
            continue
        manifest = Manifest.from_bytes(runtime.store.read_bytes(f"{folder}/{MANIFEST}"))
        with runtime.store.local_file(f"{folder}/{DOCUMENTS}") as path:
            _require_named(path, manifest)
            for row in batches.stream_rows(path, _COLUMNS):
                yield version_name(number), row


def _require_named(path: Path, manifest: Manifest) -> None:
    found, named = file_digest(path), manifest.files[DOCUMENTS].sha256
    if found != named:
        raise DigestMismatch(
            f"{DOCUMENTS} of {manifest.name} {version_name(manifest.number)} has sha256 {found[:12]}..., its manifest "
            f"names {named[:12]}.... Run `stemma index verify {manifest.name}`."
        )


def _told(name: str, tally: _Tally, known: Mapping[str, ModelCard]) -> dict[str, Any]:
    counts, depth = count_origins(tally.rows)
    mix = origin_mix(counts, depth)
    total = int(mix["chunks"])  # the function counts whatever it is given; here documents
    declared = int(mix["ai_generated_declared"]) + int(mix["ai_assisted_declared"])
    found, model = _estimated(tally, known)
    return {
        "group": name,
        "documents": total,
        "declared": _part(declared, total),
        "matched": _part(int(mix["ai_matched"]), total),
        "residue": {**_part(tally.residue, total), "passages": tally.passages},
        "suspected": _part(int(mix["ai_suspected"]), total),
        "human_declared": _part(int(mix["human_declared"]), total),
        "unknown": _part(int(mix["unknown"]), total),
        "estimated": {
            **asdict(found),
            "of": int(mix["unknown"]) + int(mix["ai_suspected"]),
            "model": model,
            "said": _said(tally),
            "caveat": CAVEAT,
        },
    }


def _part(documents: int, total: int) -> dict[str, Any]:
    return {"documents": documents, "share": round(documents / total, 6) if total else 0.0}


def _said(tally: _Tally) -> dict[str, int]:
    """Returns what models said of the documents of unknown origin, by the code of the finding."""
    every: Counter[str] = sum(tally.read.values(), Counter())
    return {code.removeprefix(PREFIX): every[code] for code in sorted(every)}


def _estimated(tally: _Tally, known: Mapping[str, ModelCard]) -> tuple[ShareEstimate, str]:
    scored = {card: counts for card, counts in tally.read.items() if _SCORED & counts.keys()}
    if len(scored) != 1:
        return _none(tally, scored), ""
    [(digest, counts)] = scored.items()
    flagged = Rate(hits=counts[ABOVE], total=sum(counts[code] for code in _SCORED))
    card = known.get(digest)
    if card is None:
        why = f"the model that scored the documents (card {digest[:12]}...) is not in this project"
        return _no(flagged.total, flagged.hits, why), ""
    seen = card.evaluation
    return estimate(flagged, seen.detected, seen.false_positives), card.name


def _none(tally: _Tally, scored: Mapping[str, Counter[str]]) -> ShareEstimate:
    numbers = [sum(counts[code] for code in _SCORED) for counts in scored.values()]
    hits = sum(counts[ABOVE] for counts in scored.values())
    if scored:
        why = f"{len(scored)} models scored the documents; ingest again, so that one has scored them all"
    elif tally.read:
        said = ", ".join(f"{code.replace('_', ' ')} {count}" for code, count in _said(tally).items())
        why = f"the model could say nothing of any document of unknown origin ({said})"
    else:
        why = "no statistical model has scored documents of unknown origin (ragOrigin of the contract; off by default)"
    return _no(sum(numbers), hits, why)


def _no(scored: int, flagged: int, why: str) -> ShareEstimate:
    return ShareEstimate(point=None, low=None, high=None, scored=scored, flagged=flagged, why_not=why)
