"""Gates: what a candidate must pass before an alias may move to it. Pure functions over figures.

A gate never raises for what it finds: it returns a `GateResult`, which is kept in the manifest. Only
`require` turns failures into an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from corpus.errors import GateFailed
from corpus.receipts import Counts
from index.canaries import ACROSS_RUNTIMES, CanaryResult
from index.manifest import GateResult

__all__ = [
    "GateResult",
    "Limit",
    "ai_share",
    "canary",
    "conservation",
    "depth",
    "limited",
    "one_change",
    "one_space",
    "owned",
    "parity",
    "recall",
    "require",
    "self_ingestion",
    "size",
]

# Every family that is offered measured .95 or more at 100k and 1M vectors (2026).
MIN_RECALL = 0.95


def conservation(counts: Counts) -> GateResult:
    """Nothing was dropped in silence: every document received has an outcome."""
    settled = counts.indexed + counts.unchanged + counts.quarantined + counts.rejected + counts.failed
    return _result(
        "conservation",
        passed=counts.balanced,
        expected=f"{counts.received} documents settled",
        actual=f"{settled} documents settled",
        failure="The run lost or invented documents. Do not release; run it again and report this.",
    )


def parity(*, chunks: int, vectors: int, document_chunks: int) -> GateResult:
    """Chunks, vectors and the chunks of the documents inside are the same number."""
    return _result(
        "parity",
        passed=chunks == vectors == document_chunks,
        expected="chunks = vectors = chunks of the documents inside",
        actual=f"{chunks} chunks, {vectors} vectors, {document_chunks} chunks of the documents inside",
        failure="Index and documents disagree. Run `stemma reconcile`, then release again.",
    )


def canary(result: CanaryResult, threshold: float = ACROSS_RUNTIMES) -> GateResult:
    """The model still gives the vectors that it gave when the space was first used."""
    return _result(
        "canary",
        passed=result.passed(threshold),
        expected=f"cosine of every canary >= {threshold}",
        actual=f"{result.min_cosine:.6f} (canary {result.worst})",
        failure="The model computes other vectors than those stored. Look at `stemma doctor`, or re-embed.",
    )


def recall(measured: float | None, sample: int, minimum: float = MIN_RECALL) -> GateResult:
    """The index finds what exact search finds; too few vectors to measure pass."""
    return _result(
        "recall",
        passed=measured is None or measured >= minimum,
        expected=f"recall@10 >= {minimum}",
        actual="not measured: ten vectors or fewer" if measured is None else f"{measured} over {sample} queries",
        failure="The index misses neighbours. Choose another factory in the contract; Flat is exact.",
    )


def size(*, previous: int | None, documents: int, max_removed_share: float, min_documents: int) -> GateResult:
    """The version did not shrink by more than the contract allows.

    Args:
        previous: Documents of the version that is served; None when there is none.
        documents: Documents of the candidate.
        max_removed_share: Largest share of `previous` that may be missing, in [0, 1].
        min_documents: Fewest documents the candidate may have.
    """
    least = max(min_documents, 0 if previous is None else previous * (1.0 - max_removed_share))
    return _result(
        "size",
        passed=documents >= least,
        expected=f">= {least:g} documents (previous: {'none' if previous is None else previous})",
        actual=f"{documents} documents",
        failure="Check that the source is complete; if the removal is meant, release with force and a reason.",
    )


def one_space(expected: str, found: Iterable[str], what: str = "embedder") -> GateResult:
    """No two fingerprints meet in one index.

    Args:
        expected: The fingerprint of the version.
        found: Fingerprints of everything that went in.
        what: `embedder` or `chunker`.
    """
    foreign = sorted(set(found) - {expected})
    return _result(
        f"one-{what}",
        passed=not foreign,
        expected=f"only {what} {expected[:12]}",
        actual=f"also {', '.join(item[:12] for item in foreign)}" if foreign else f"only {expected[:12]}",
        failure=f"Segments of another {what} would be mixed in. Process them again before releasing.",
    )


def owned(ownerless: int) -> GateResult:
    """Every document has an owner."""
    return _result(
        "owned",
        passed=ownerless == 0,
        expected="0 documents without owner",
        actual=f"{ownerless} documents without owner",
        failure="Declare owners in the documents, their sidecars or the contract's defaults.",
    )


def one_change(changed: Collection[str], *, forced: bool = False) -> GateResult:
    """Corpus and embedder do not change in one release, or nobody could say which moved the answers.

    Args:
        changed: What `index.plan.what_changed` names.
        forced: Whether a person insisted, with a reason.
    """
    both = {"corpus", "embedder"} <= set(changed)
    return _result(
        "one-change",
        passed=forced or not both,
        expected="corpus or embedder changes, not both",
        actual=f"changed: {', '.join(sorted(changed)) or 'nothing'}" + (" (forced)" if both and forced else ""),
        failure="Release the corpus change first and re-embed then, or run `stemma index release NAME --force "
        "--reason '...'`.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit on origin that the contract sets on what is served.

    Attributes:
        words: What it asks, in words that stand after "expected".
        strict: Whether it holds for what a person let in, too.
        warns: Whether breaking it is only reported.
        forced: Whether a person insisted on this release, with a reason.
    """

    words: str
    strict: bool = False
    warns: bool = False
    forced: bool = False


def depth(limit: Limit, broken: Mapping[str, str], released: Collection[str] = ()) -> GateResult:
    """No document, and no passage of one, is more generations away from a primary source than the contract allows.

    Args:
        limit: The limit.
        broken: Document id to what was found, for each document of the candidate that does not keep to it.
        released: Documents that a person let in.
    """
    return _documents("depth", limit, broken, released)


def self_ingestion(limit: Limit, broken: Mapping[str, str], released: Collection[str] = ()) -> GateResult:
    """No document is made of served answers to a greater share than the contract allows; arguments as in `depth`."""
    return _documents("self-ingestion", limit, broken, released)


def ai_share(limit: Limit, found: str, *, kept: bool) -> GateResult:
    """The share of AI generated text that is served keeps to the contract, what people let in included.

    Args:
        limit: The limit.
        found: The share in words.
        kept: Whether it keeps to the limit.
    """
    failure = (
        "Reject AI generated documents, add human ones, or raise the threshold of `ai_generated_share` in the "
        f"contract. {_INSIST}"
    )
    return _limited("ai-share", limit, kept=kept, actual=found, failure=failure)


_INSIST = "`stemma index release NAME --force --reason '...'` releases it as it is."
_NAMED = 5


def _documents(name: str, limit: Limit, broken: Mapping[str, str], released: Collection[str]) -> GateResult:
    let_in = {doc_id: words for doc_id, words in broken.items() if doc_id in released}
    others = broken.keys() - let_in.keys()
    said = [f"{len(broken)} documents do not keep to it: {_listed(broken)}" if broken else "kept by every document"]
    if let_in:
        said.append(f"{len(let_in)} of them let in by a person: {', '.join(sorted(let_in)[:_NAMED])}")
    failure = (
        "Run `stemma ingest NAME` so that they are judged again, take back what was let in with `stemma quarantine "
        f"reject NAME DOCUMENT --reason '...'`, or raise the limit in the contract. {_INSIST}"
    )
    kept = not (broken if limit.strict else others)
    return _limited(name, limit, kept=kept, actual="; ".join(said), failure=failure)


def _listed(broken: Mapping[str, str]) -> str:
    named = "; ".join(f"{doc_id} ({broken[doc_id]})" for doc_id in sorted(broken)[:_NAMED])
    return named + (f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else "")


def _limited(name: str, limit: Limit, *, kept: bool, actual: str, failure: str) -> GateResult:
    return limited(name, limit.words, kept=kept, actual=actual, failure=failure, warns=limit.warns, forced=limit.forced)


def limited(
    name: str,
    expected: str,
    *,
    kept: bool,
    actual: str,
    failure: str,
    warns: bool = False,
    forced: bool = False,
) -> GateResult:
    """Returns the result of a gate that a contract may make a warning, or that a person may waive.

    Args:
        name: Name of the gate.
        expected: What is asked, in words.
        kept: Whether it is so.
        actual: What was found, in words.
        failure: What to do where it is not so.
        warns: Whether breaking it is only reported.
        forced: Whether a person insisted on this release, with a reason.
    """
    passed = kept or warns or forced
    note = "" if kept else " (only a warning)" if warns else " (forced)" if forced else ""
    broken = f"expected {expected}, found {actual}{note}." + ("" if passed else f" {failure}")
    message = f"{actual}, as expected." if kept else broken
    return GateResult(name=name, passed=passed, expected=expected, actual=f"{actual}{note}", message=message)


def require(results: Iterable[GateResult]) -> None:
    """Stops a release that failed a gate.

    Raises:
        GateFailed: At least one gate failed; all of them are named.
    """
    failed = [result for result in results if not result.passed]
    if failed:
        lines = (f"  {result.name}: {result.message}" for result in failed)
        raise GateFailed("\n".join((f"{len(failed)} gates failed, the alias was not moved:", *lines)))


def _result(name: str, *, passed: bool, expected: str, actual: str, failure: str) -> GateResult:
    message = f"{actual}, as expected." if passed else f"expected {expected}, found {actual}. {failure}"
    return GateResult(name=name, passed=passed, expected=expected, actual=actual, message=message)
