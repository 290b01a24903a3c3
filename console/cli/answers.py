"""`stemma answers`: registers what the RAG system served, looks at it, marks it, and forgets it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.cli import render, render_answers
from console.cli.command import Json, Result, command, group
from console.cli.session import Session, require_known
from corpus.errors import EXIT_FINDINGS, EXIT_OK, ConfigurationError

if TYPE_CHECKING:
    from corpus.catalog.records import AnswerRecord

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines of answers, or OTLP in JSON.")]
TextArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A text file, UTF-8.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The answer's id.")]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="NAME", help="native, otlp, or auto to tell it from the bytes.")
]
AfterOption = Annotated[str, typer.Option("--after", metavar="ID", help="Start behind this id.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Most answers to list.")]
SystemOption = Annotated[str | None, typer.Option("--system", metavar="NAME", help="The RAG system that served.")]
IndexOption = Annotated[str | None, typer.Option("--index", metavar="NAME", help="The index it was retrieved from.")]
VersionOption = Annotated[str, typer.Option("--index", metavar="NAME/v000001", help="What it was retrieved from.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stays in the audit log. Quote nothing in it.")]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who asks for it; default: the actor.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say how many.")]
MarkIdOption = Annotated[str, typer.Option("--id", metavar="ID", help="The id that the answer is recorded with.")]


def register(app: typer.Typer) -> None:
    """Adds the group to the app."""
    nouns = group(app, "answers", "Register, mark and forget the answers that your RAG system served.")
    imports = ("answers import answers.jsonl", "answers import traces.jsonl --format otlp")
    command(nouns, "import", examples=imports)(import_answers)
    command(nouns, "list", examples=("answers list --system support-bot", "answers list --after a-0100"))(list_answers)
    command(nouns, "show", examples=("answers show a-0001",))(show)
    command(nouns, "erase", examples=("answers erase a-0001 --reason 'request 17' --by ada",))(erase)
    command(nouns, "prune", examples=("answers prune --dry-run", "answers prune"))(prune)
    command(nouns, "mark", examples=("answers mark answer.md --id a-0001 --system support-bot",))(mark)
    command(nouns, "verify", examples=("answers verify page.md",))(verify)


def import_answers(session: Session, file: FileArgument, file_format: FormatOption = "auto") -> Result:
    """Register served answers; documents that repeat them are then seen at ingest.

    A line or trace that gives no answer is reported and stops no other; exit code 1 if there was one.
    """
    from ingestion.stages import answers as stage  # noqa: PLC0415 - help must not load the stages

    receipt = stage.import_answers(session.runtime(), file, file_format=file_format)
    data = receipt.to_json()
    if receipt.figures["registered"] or receipt.figures["documents_to_look_at"]:
        data["next"] = "stemma ingest NAME"
    elif not any(receipt.figures.values()):
        data["note"] = f"{file} holds no answer."
    return Result(
        data=data, view=render_answers.receipt, exit_code=EXIT_FINDINGS if receipt.figures.get("refused") else EXIT_OK
    )


def list_answers(
    session: Session,
    after: AfterOption = "",
    limit: LimitOption = 100,
    system: SystemOption = None,
    index: IndexOption = None,
) -> Result:
    """List registered answers by id."""
    from corpus.catalog import answers, forgotten  # noqa: PLC0415 - help must not load SQLAlchemy

    with session.runtime().catalog.reading() as tx:
        found = forgotten.page(tx, after=after, limit=limit, system=system, index=index)
        total = answers.count(tx)
    data: Json = {"answers": [_brief(record) for record in found], "registered": total}
    if len(found) == limit:
        data["next"] = f"stemma answers list --after {found[-1].answer_id}"
    return Result(data=data, view=render_answers.listed)


def show(session: Session, answer: IdArgument) -> Result:
    """Show an answer: what was asked, served and retrieved, how long it is kept, or that it was erased."""
    from corpus.catalog import answers, forgotten  # noqa: PLC0415
    from ingestion.lineage.gather import depth_of_answer  # noqa: PLC0415

    with session.runtime().catalog.reading() as tx:
        record = answers.get(tx, [answer]).get(answer)
        gone = forgotten.tombstone(tx, answer) if record is None else None
        judged = forgotten.judged_by(tx, [answer])
        near = forgotten.near(tx, answer) if record is None else ()
    if record is None and gone is None:
        require_known("answer", answer, near, "See them with `stemma answers list`.")
    if record is None and gone is not None:
        data: Json = {"answer_id": answer, "erased": {"at": gone.at.isoformat(), "by": gone.actor, **gone.detail}}
        return Result(data=data, view=render_answers.shown)
    assert record is not None  # noqa: S101 - `require_known` raised
    depth = depth_of_answer(session.runtime(), answer)
    full = {
        **_brief(record),
        "question": record.question,
        "text": record.text,
        "text_sha256": record.text_sha256,
        "retrieved": list(record.retrieved),
        "cited": list(record.cited),
        "trace_id": record.trace_id,
        "mark": record.mark,
        "depth": depth.value,
        "depth_known": depth.known,
        "documents": [f"{contract}/{doc_id}" for contract, doc_ids in judged.items() for doc_id in doc_ids],
    }
    return Result(data=full, view=render_answers.shown)


def erase(session: Session, answer: IdArgument, reason: ReasonOption, by: ByOption = None) -> Result:
    """Remove an answer for good: text, question and grams.

    A digest of its id stays, so that no import brings it back, and an entry in the audit log. Documents that were
    judged by it are looked at again at the next ingest.
    """
    from corpus.catalog import forgotten  # noqa: PLC0415
    from ingestion.stages import forget  # noqa: PLC0415

    runtime = session.runtime()
    receipt = forget.erase(runtime, answer, reason=reason, actor=by or runtime.settings.actor)
    data = receipt.to_json()
    if receipt.figures["documents_to_look_at"]:
        data["next"] = "stemma ingest NAME"
    if receipt.figures["erased"] and not receipt.figures["registered"]:
        with runtime.catalog.reading() as tx:
            near = forgotten.near(tx, answer)
        data["note"] = "no answer was registered under this id; one that comes is refused."
        data["note"] += f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return Result(data=data, view=render_answers.receipt)


def prune(session: Session, dry_run: DryRunOption = False) -> Result:  # noqa: FBT002 - a flag of the command line
    """Remove the answers whose term is over, as `ragAnswers` of their contracts says."""
    from ingestion.stages import forget  # noqa: PLC0415

    return Result(data=forget.prune(session.runtime(), dry_run=dry_run).to_json(), view=render.receipt)


def mark(
    session: Session,
    file: TextArgument,
    answer: MarkIdOption,
    system: SystemOption = None,
    index: VersionOption = "",
) -> Result:
    """Put a signed footer under an answer and print both."""
    from ingestion.marking import Marker  # noqa: PLC0415

    if not answer:
        raise ConfigurationError("--id is empty; give the id that the answer is recorded with.")
    text = _text(file)
    found = Marker.of(session.settings(), system=system or "").footer(text, answer_id=answer, index=index)
    data = {"answer_id": answer, "mark": found.mark, "footer": found.footer, "text": found.text}
    return Result(data=data, view=lambda shown: str(shown["text"]))


def verify(session: Session, file: TextArgument) -> Result:
    """Judge the marks in a text: whose they are, and whether they stand under their own text.

    Exit code 1 if there is none, or one that is not signed by a trusted key or stands under another text.
    """
    from ingestion.marking import judge_text, trusted_keys  # noqa: PLC0415

    runtime = session.runtime()
    found = judge_text(runtime, _text(file), trusted_keys(runtime.settings))
    data: Json = {
        "file": file.name,
        "marks": [
            {
                "verdict": item.verdict or "unknown_manifest",
                "answer_id": item.answer.answer_id if item.answer else None,
                "keyid": item.keyid or None,
                "sketch_found": item.compared.found,
                "sketch_of": item.compared.of,
                "mark": item.mark,
            }
            for item in found
        ],
    }
    good = bool(found) and all(item.verdict == "signed" for item in found)
    return Result(data=data, view=render_answers.verified, exit_code=EXIT_OK if good else EXIT_FINDINGS)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}.") from error
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error


def _brief(record: AnswerRecord) -> Json:
    return {
        "answer_id": record.answer_id,
        "system": record.system,
        "model": record.model,
        "served_at": record.served_at.isoformat(),
        "index_version": record.index_version,
        "decidable": record.decidable,
        "context_known": record.context_known,
        "text_kept": record.text is not None,
        "expires_at": record.expires_at.isoformat() if record.expires_at else None,
    }
