"""Structured logs: what is in a line, what is cut out of it, and what is never told."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from corpus import logs
from corpus.errors import CatalogError, ContractBlocked, ParseError, SourceUnavailable

LOG = logging.getLogger("ingestion.somewhere")


@pytest.fixture(autouse=True)
def off_again() -> Iterator[None]:
    yield
    logs.configure("off")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_with_run_contract_and_stage() -> None:
    stream = io.StringIO()
    logs.configure("json", stream)
    with logs.about(run_id="r1", contract="handbook"), logs.about(stage="assess", contract=""):
        logs.note(LOG, logging.INFO, "stage\nended", seconds=1.5, counts={"indexed": 3})
    LOG.debug("too fine")
    [line] = lines(stream)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info", "logger": "ingestion.somewhere", "message": "stage\nended", "run_id": "r1",
        "contract": "handbook", "stage": "assess", "seconds": 1.5, "counts": {"indexed": 3},
    }  # fmt: skip


def test_text_is_one_line_for_a_person() -> None:
    stream = io.StringIO()
    logs.configure("text", stream)
    with logs.about(run_id="r1"):
        logs.note(LOG, logging.WARNING, "stage\nfailed", seconds=2)
    assert stream.getvalue().endswith(" warning stage failed run_id=r1 seconds=2\n")
    assert stream.getvalue().count("\n") == 1


def test_configuring_again_does_not_double_lines_and_off_ends_them() -> None:
    stream = io.StringIO()
    for _ in range(3):
        logs.configure("json", stream)
    LOG.info("once")
    logs.configure("off")
    LOG.info("not at all")
    assert [line["message"] for line in lines(stream)] == ["once"]


SECRETS = {
    "postgresql://stemma:pa@ss@db.example.org/stemma": "ss@db",
    "DefaultEndpointsProtocol=https;AccountKey=abc123ABC==;EndpointSuffix=x": "abc123ABC",
    "GET https://a.blob.example.org/x?sv=2024&sig=abcd%3D&se=2": "abcd%3D",
    "https://maps.example.org/x?key=AIza123&y=1": "AIza123",
    "host=db user=stemma pwd=hunter2": "hunter2",
    "postgresql+psycopg://stemma:hunter2@db.example.org/stemma": "hunter2",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.abc": "eyJhbGciOiJIUzI1NiJ9",
    "aws_secret_access_key=wJalrXUtnFEMIK7MDENG region=eu": "wJalrXUtnFEMIK7MDENG",
    'call with {"api_key": "sk-12345678"} failed': "sk-12345678",
    "password: hunter2": "hunter2",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----": "MC4CAQAwBQYDK2VwBCIEIA",
    "https://s3.example.org/x?X-Amz-Signature=deadbeefdeadbeef&y=1": "deadbeefdeadbeef",
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.items(), ids=range(len(SECRETS)))
def test_secrets_are_cut_out_of_messages_and_fields(text: str, secret: str) -> None:
    stream = io.StringIO()
    logs.configure("json", stream)
    LOG.warning("tried %s", text)
    logs.note(LOG, logging.INFO, "tried", place=text)
    assert secret not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") >= 2


def test_what_is_no_secret_stays() -> None:
    told = "handbook v000003: 12 chunks in file:///srv/docs, see https://example.org/a@b, tokens 512, key=handbook"
    assert logs.redact(told) == told


def test_only_errors_that_cannot_quote_a_document_tell_their_message() -> None:
    assert logs.told(SourceUnavailable("s3://bucket did not answer")) == "s3://bucket did not answer"
    assert logs.told(CatalogError("postgresql://u:pw@db refused")) == "postgresql://[redacted]@db refused"
    assert logs.told(ContractBlocked("salary: 'one million' is not allowed")) == "ContractBlocked"
    assert logs.told(ParseError("near 'Dear Ada'")) == "ParseError"
    assert logs.told(ValueError("Dear Ada")) == "ValueError"


def test_a_traceback_is_told_by_its_kind() -> None:
    stream = io.StringIO()
    logs.configure("json", stream)
    try:
        raise ValueError("Dear Ada, the plan is")
    except ValueError:
        LOG.exception("could not")
    [line] = lines(stream)
    assert (line["error"], line["error_message"]) == ("ValueError", "ValueError")
    assert "Ada" not in stream.getvalue()
