"""A dry run: what a contract would decide about real documents, with nothing written anywhere.

The documents go through the same functions as in a run, up to the decisions and the rules on the whole
run. What the project remembers (served answers, releases from quarantine, the last accepted run) is read from
a copy of the catalog outside the project; where there is none, the rules that need it are not judged, and say so.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from contracts.drift.measure import profile_of
from contracts.drift.profile import COLUMNS, Baseline, Profile
from contracts.evaluate import batch_report, row_violations
from contracts.facts import BatchFacts, known_origins
from contracts.model import CheckSpec, Contract, Verdict
from contracts.report import ContractReport, RuleResult
from contracts.rules.table import RULES
from contracts.wording import expected_of
from corpus import batches
from corpus.catalog import decisions, versions
from corpus.catalog.session import open_catalog
from corpus.errors import CatalogError, ConfigurationError
from corpus.ids import sha256_hex
from corpus.settings import Settings
from corpus.storage import open_store
from corpus.types import Assessment, Finding, Outcome, SourceRef, Violation, utc_now
from ingestion.examine import Examined, Matcher, Tools, examine
from ingestion.isolation import workers_for
from ingestion.judge import holds_back, reasons_of
from ingestion.marking import with_marks
from ingestion.profiling import baseline_of
from ingestion.progress import NO_PROGRESS, Progress
from ingestion.reentry import matcher
from ingestion.relations.neighbours import newcomer_of
from ingestion.relations.relating import copy_finding
from ingestion.relations.twins import Copy, Likeness, compare_all, copies, in_order
from ingestion.runtime import Runtime
from ingestion.snapshot import Entry
from ingestion.splitting.cut import NO_CUTS, Cuts
from ingestion.stages.assess import Overrides, cuts_of, decide
from ingestion.toolkit import tools_of

DEFAULT_SAMPLE = 200
"""Documents that a rehearsal looks at unless told otherwise: seconds of work, and shares to within 7 % (95 %)."""

_NO_ANSWERS = "answers that were served are not known here"
_NO_VECTORS = "it compares meanings with an embedding model, which only a run does"
_NO_PREVIOUS = "there is no accepted run to compare with"
_NO_RELATIONS = "it compares documents with the whole corpus, which only a run does"
_NO_REFERENTS = "a sample need not hold the documents that are referred to"
_NO_DRIFT = "a sample differs from the whole by chance"
_COPIES = "near_duplicate"
"""The rule on relations that the documents of one source can be judged by."""
_SIDES = ("catalog.db", "catalog.db-wal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one rule came out.

    Attributes:
        result: The rule, what it asks and what was found.
        examples: Documents that do not keep it, with what was found there.
        unjudged: Why it could not be judged; empty where it was.
    """

    result: RuleResult
    examples: tuple[tuple[str, str], ...] = ()
    unjudged: str = ""

    @property
    def verdict(self) -> str:
        """The rule's verdict, or `not judged`."""
        return "not judged" if self.unjudged else self.result.verdict.value

    def to_json(self) -> dict[str, Any]:
        """Returns the trial as a JSON object."""
        examples = [{"document": name, "found": found} for name, found in self.examples]
        return {**self.result.to_json(), "verdict": self.verdict, "unjudged": self.unjudged, "examples": examples}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a run would do.

    Attributes:
        contract: The contract.
        listed: Documents that the source lists.
        assessments: What was found out about those that were looked at, by path.
        trials: One per rule.
        remembers: Whether the catalog of a project was at hand.
    """

    contract: Contract
    listed: int
    assessments: tuple[Assessment, ...]
    trials: tuple[Trial, ...]
    remembers: bool = False

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Documents by outcome, of those looked at."""
        return Counter(item.decision.outcome for item in self.assessments)

    @property
    def blocking(self) -> tuple[Trial, ...]:
        """Rules that would stop the run."""
        return tuple(trial for trial in self.trials if trial.verdict == "block")

    @property
    def passes(self) -> bool:
        """Whether every document would enter and no rule would stop the run."""
        return not self.blocking and all(item.decision.outcome.admitted for item in self.assessments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memory:
    """What a project remembers of earlier runs; nothing of a project that never ran."""

    match: Matcher
    overrides: Overrides = field(default_factory=dict)
    previous_documents: int | None = None
    baseline: Baseline | None = None
    known: bool = False


def rehearse(
    contract: Contract,
    settings: Settings,
    *,
    sample: int | None = None,
    progress: Progress = NO_PROGRESS,
    project: Runtime | None = None,
) -> Rehearsal:
    """Takes documents of a contract's source through admission, and writes nothing.

    Args:
        contract: The contract; it need not be one of the project's.
        settings: The project's settings.
        sample: How many documents to look at, the same ones each time; None for all.
        progress: Told about each document.
        project: The project where it is open already: what it remembers is then read there and not from a copy.

    Raises:
        SourceUnavailable: The source cannot be listed.
        ConfigurationError: The source lists no document.
    """
    tools = tools_of(contract, settings)
    refs = list(tools.source.list())
    if not refs:
        raise ConfigurationError(
            f"no document under {contract.source.root} matches {', '.join(contract.source.include)}. Mend the path of "
            "the contract's server, or name a folder with --path."
        )
    chosen = chosen_of(refs, sample)
    with _memory(contract, settings, project) as memory:
        drafts = examined(contract, tools, chosen, memory.match, settings, progress, cuts_of(memory.overrides))
        assessed = decide(contract, drafts, memory.overrides)
    if len(assessed) == len(refs):
        assessed = with_copies(contract, assessed)
    report, unjudged = _report(contract, assessed, len(refs), memory)
    return Rehearsal(
        contract=contract,
        listed=len(refs),
        assessments=tuple(assessed),
        trials=tuple(_trial(result, assessed, unjudged) for result in report.results),
        remembers=memory.known,
    )


def examined(
    contract: Contract,
    tools: Tools,
    refs: Sequence[SourceRef],
    match: Matcher,
    settings: Settings,
    progress: Progress = NO_PROGRESS,
    cuts: Cuts = NO_CUTS,
) -> list[Examined]:
    """Examines documents as a run does, each within the limits of a worker.

    Args:
        contract: The contract they come under.
        tools: What assessing its documents needs.
        refs: The documents.
        match: Looks texts up among the answers that were served.
        settings: The project's settings.
        progress: Told about each document.
        cuts: Which parts of documents people keep.
    """
    progress.start("looking at documents", len(refs))
    found = []
    with workers_for(settings) as workers:

        def work(ref: SourceRef) -> Examined:
            return examine(contract, tools, Entry(ref=ref, raw_sha256="", state_key=""), match, workers.inspect, cuts)

        for item in workers.map(work, refs, size=lambda ref: ref.size):
            found.append(item)
            progress.advance()
    progress.done()
    return found


def with_copies(contract: Contract, assessed: Sequence[Assessment]) -> list[Assessment]:
    """Judges documents by the rule on near duplicates, beside each other as in a first run.

    Args:
        contract: The contract.
        assessed: All documents of the source, judged by every other rule.
    """
    newcomers = in_order(newcomer_of(_row(item), active=False) for item in assessed if item.document is not None)
    likeness, now = Likeness(), utc_now()
    compare_all(newcomers, likeness)
    only = replace(contract, checks=tuple(check for check in contract.checks if check.rule == _COPIES))

    def broken(doc_id: str, finding: Finding) -> tuple[Violation, ...]:
        row = {"doc_id": doc_id, "findings": batches.dumps([batches.finding_json(finding)])}
        return row_violations(only, [row], now=now, relations=True).get(doc_id, ())

    def holds(copy: Copy) -> bool:
        return holds_back(broken(copy.of, copy_finding(copy)), contract.enforcement)

    found = copies(newcomers, likeness, (), (), threshold=contract.families.similarity, holds=holds)
    return [
        _copied_of(contract, item, finding, broken(item.ref.doc_id, finding))
        if (copy := found.get(item.ref.doc_id)) and (finding := copy_finding(copy))
        else item
        for item in assessed
    ]


def _row(item: Assessment) -> dict[str, Any]:
    row = batches.document_row(item)
    return row | {"path": item.ref.path, "sketch": item.sketch, "actor": item.decision.actor}


def _copied_of(contract: Contract, item: Assessment, finding: Finding, broken: tuple[Violation, ...]) -> Assessment:
    decision, findings = item.decision, (*item.findings, finding)
    held = decision.actor == "stemma" and decision.outcome.admitted and holds_back(broken, contract.enforcement)
    decision = replace(
        decision,
        outcome=Outcome.QUARANTINE if held else decision.outcome,
        reasons=(*decision.reasons, *reasons_of(broken, findings)),
    )
    return replace(item, findings=findings, violations=(*item.violations, *broken), decision=decision)


def elsewhere(contract: Contract, folder: Path) -> Contract:
    """Returns the contract with its source in a local folder; its globs stay."""
    return replace(contract, source=replace(contract.source, type="local", root=str(folder.absolute())))


def chosen_of(refs: Sequence[SourceRef], sample: int | None) -> list[SourceRef]:
    """Returns the documents to look at: those whose ids have the least digests, in the order of the listing.

    The choice is the same each time, and documents that come or go change it little.

    Args:
        refs: The listing.
        sample: How many; None for all.
    """
    if sample is None or sample >= len(refs):
        return list(refs)
    least = sorted(refs, key=lambda ref: sha256_hex(ref.doc_id.encode("utf-8", "surrogateescape")))[:sample]
    chosen = {ref.doc_id for ref in least}
    return [ref for ref in refs if ref.doc_id in chosen]


def _report(
    contract: Contract, assessed: Sequence[Assessment], listed: int, memory: _Memory
) -> tuple[ContractReport, dict[str, str]]:
    """Judges the run as a whole; counts of a sample are taken up to the whole listing.

    Returns:
        The report, and by the name of a rule why it could not be judged.
    """
    sampled = len(assessed) < listed
    unjudged = {check.name: why for check in contract.checks if (why := _unjudged(check, memory, sampled=sampled))}
    admitted = [item for item in assessed if item.decision.outcome.admitted]
    rows = [batches.document_row(item) for item in admitted]
    drifts = any(check.rule == "drift" and check.name not in unjudged for check in contract.checks)
    facts = BatchFacts(
        documents=round(listed * len(admitted) / len(assessed)),
        violations={item.ref.doc_id: item.violations for item in assessed},
        origins=known_origins((item.origin.kind.value, item.origin.basis.value) for item in admitted),
        previous_documents=memory.previous_documents,
        rows=rows,
        profile=_profile(rows) if drifts else None,
        baseline=memory.baseline if drifts else None,
    )
    judged = tuple(check for check in contract.checks if check.name not in unjudged)
    report = batch_report(replace(contract, checks=judged), facts)
    found = {result.spec.name: result for result in report.results}
    results = tuple(found.get(check.name) or _nothing(check) for check in contract.checks)
    return replace(report, results=results), unjudged


def _profile(rows: Sequence[Mapping[str, Any]]) -> Profile:
    schema = pa.schema([batches.DOCUMENTS.field(name) for name in COLUMNS])
    plain = [{name: row[name] for name in COLUMNS} for row in rows]
    return profile_of([pa.RecordBatch.from_pylist(plain, schema=schema)], now=utc_now())


def _nothing(check: CheckSpec) -> RuleResult:
    return RuleResult(spec=check, expected=expected_of(check), actual="not judged", failing=(), verdict=Verdict.PASS)


def _trial(result: RuleResult, assessed: Sequence[Assessment], unjudged: Mapping[str, str]) -> Trial:
    broken = {item.ref.doc_id: item.violations for item in assessed}
    found = {
        name: next((each.actual for each in broken.get(name, ()) if _same(each, result)), "")
        for name in result.failing[:3]
    }
    return Trial(result=result, examples=tuple(found.items()), unjudged=unjudged.get(result.spec.name, ""))


def _same(violation: Violation, result: RuleResult) -> bool:
    return (violation.rule, violation.field, violation.expected) == (
        result.spec.rule,
        result.spec.field,
        result.expected,
    )


def _unjudged(check: CheckSpec, memory: _Memory, *, sampled: bool) -> str:
    """Returns why a rule cannot be judged without a run; empty where it can."""
    if check.engine == "library":
        return _NO_REFERENTS if check.rule == "foreignKey" and sampled else ""
    if check.engine != "stemma":
        return ""
    ratio = check.rule == "volume" and check.arguments.get("measure") == "ratio_to_previous"
    reasons = {
        _NO_RELATIONS: RULES[check.rule].relations and (sampled or check.rule != _COPIES),
        _NO_ANSWERS: check.rule == "self_ingestion" and not memory.known,
        _NO_VECTORS: check.rule == "paraphrase",
        _NO_PREVIOUS: (ratio and memory.previous_documents is None)
        or (check.rule == "drift" and memory.baseline is None),
        _NO_DRIFT: check.rule == "drift" and sampled,
    }
    return next((why for why, holds in reasons.items() if holds), "")


@contextmanager
def _memory(contract: Contract, settings: Settings, project: Runtime | None) -> Iterator[_Memory]:
    """Reads what the project remembers, from a copy of its catalog where that is a file and nobody has it open."""
    if project is not None:
        yield _remembered(contract, project)
        return
    with tempfile.TemporaryDirectory(prefix="stemma-rehearsal-") as folder:
        url = settings.catalog_url or _copied(settings.home, Path(folder))
        if not url:
            yield _Memory(match=no_match)
            return
        catalog = open_catalog(url)
        try:
            yield _remembered(contract, Runtime(settings=settings, store=open_store(settings.home), catalog=catalog))
        finally:
            catalog.close()


def _copied(home: str, folder: Path) -> str:
    """Copies the catalog of a local home, its log included, and returns the URL of the copy; empty for none."""
    if "://" in home or not (Path(home) / _SIDES[0]).is_file():
        return ""
    for name in _SIDES:
        if (Path(home) / name).is_file():
            shutil.copyfile(Path(home) / name, folder / name)
    return f"sqlite:///{folder / _SIDES[0]}"


def _remembered(contract: Contract, runtime: Runtime) -> _Memory:
    try:
        runtime.catalog.check()
    except (ConfigurationError, CatalogError):
        return _Memory(match=no_match)  # of another build, or not there: as if the project had never run
    with runtime.catalog.reading() as tx:
        live = versions.alias(tx, contract.name, "live")
        served = versions.get(tx, contract.name, live.number) if live else None
        overrides = decisions.overrides(tx, contract.name)
    documents = served.documents if served else None
    baseline = baseline_of(runtime, contract.name)
    match = with_marks(runtime, matcher(runtime))
    return _Memory(match=match, overrides=overrides, previous_documents=documents, baseline=baseline, known=True)


def no_match(draft: Assessment) -> tuple[Finding, ...]:  # noqa: ARG001 - one shape with the look-up
    """Finds no served answer: the look-up where none are known."""
    return ()
