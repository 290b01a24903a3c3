"""OpenLineage run events of one step. Loaded only where events are emitted; it emits nothing itself.

A job is one kind of work on one contract (`handbook.ingest`). Its run has an id that follows from the id of our run,
so that tasks in different processes speak of one run. A data set is one corpus or one index, never one document.
"""

from __future__ import annotations

import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    JobFacet,
    RunFacet,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
)

from contracts.model import Contract
from corpus import logs
from corpus.errors import StemmaError
from corpus.receipts import Receipt
from ingestion.events import describe
from ingestion.events.emit import JobName, State
from ingestion.events.facets import StemmaCorpusDatasetFacet, StemmaIndexDatasetFacet, StemmaRunFacet
from ingestion.runtime import Runtime

PRODUCER = f"urn:stemma-rag:producer:{installed('stemma-rag')}"
_RUNS = uuid.UUID("5a9c3f0e-6a5e-5c0b-9d51-0c7f6b2a8e14")
"""A namespace of our own for names that are UUIDs (RFC 9562, version 5); any fixed value will do."""
_READS_SOURCE = frozenset({"ingest", "reconcile"})
_WRITES_INDEX = frozenset({"release", "reembed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run that an event speaks of.

    Attributes:
        job: The kind of work.
        stage: The stage at work.
        contract: Name of the contract; empty where it belongs to none.
        run_id: Our run.
        parent: The run that this one is part of, as (namespace, job name, run id of OpenLineage); None for none.
    """

    job: JobName
    stage: str
    contract: str
    run_id: str
    parent: tuple[str, str, str] | None = None

    @property
    def job_name(self) -> str:
        """The job's name in OpenLineage."""
        return f"{self.contract}.{self.job}" if self.contract else self.job

    @property
    def lineage_run_id(self) -> str:
        """The run's id in OpenLineage: a UUID that follows from job and run."""
        return str(uuid.uuid5(_RUNS, f"{self.job_name}:{self.run_id}"))


def event(
    runtime: Runtime,
    step: Step,
    state: State,
    *,
    receipt: Receipt | None = None,
    error: BaseException | None = None,
) -> RunEvent:
    """Returns the event that says how a step stands.

    Args:
        runtime: The project; catalog and reports are read for what an event holds.
        step: What is at work.
        state: `START`, `COMPLETE` or `FAIL`.
        receipt: What a completed step returned.
        error: What a failed step raised.
    """
    namespace = runtime.settings.openlineage_namespace
    contract = describe.contract_of(runtime, step.contract) if step.contract else None
    ended = state != "START"
    return RunEvent(
        eventTime=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        producer=PRODUCER,
        eventType=RunState[state],
        run=Run(runId=step.lineage_run_id, facets=_run_facets(step, receipt, error)),
        job=Job(namespace=namespace, name=step.job_name, facets=_job_facets()),
        inputs=_inputs(runtime, step, contract, ended=ended),
        outputs=_outputs(runtime, step, contract, receipt),
    )


def _run_facets(step: Step, receipt: Receipt | None, error: BaseException | None) -> dict[str, RunFacet]:
    facets: dict[str, RunFacet] = {
        "stemma_run": _stemma_run(step, receipt, error),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            name="stemma",
            version=installed("stemma-rag"),
            openlineageAdapterVersion=installed("openlineage-python"),
            producer=PRODUCER,
        ),
    }
    if step.parent is not None:
        namespace, name, run_id = step.parent
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run_id), job=parent_run.Job(namespace=namespace, name=name), producer=PRODUCER
        )
    if error is not None:
        language = f"Python {platform.python_version()}"
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=logs.told(error), programmingLanguage=language, producer=PRODUCER
        )
    return facets


def _stemma_run(step: Step, receipt: Receipt | None, error: BaseException | None) -> StemmaRunFacet:
    figures: Mapping[str, Any] = receipt.figures if receipt else {}
    status = figures.get("status")
    return StemmaRunFacet(
        runId=step.run_id,
        contract=step.contract,
        stage=step.stage,
        figures={name: value for name, value in figures.items() if isinstance(value, int | float)},
        status=status if isinstance(status, str) else None,
        errorKind=type(error).__name__ if error is not None else None,
        retryable=error.retryable if isinstance(error, StemmaError) else None,
        producer=PRODUCER,
    )


def _job_facets() -> dict[str, JobFacet]:
    kind = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="STEMMA", jobType="JOB", producer=PRODUCER)
    return {"jobType": kind}


def _inputs(runtime: Runtime, step: Step, contract: Contract | None, *, ended: bool) -> list[InputDataset]:
    if contract is None:
        return []
    if step.job in _READS_SOURCE:
        namespace, name = describe.source_of(runtime, contract)
    else:
        namespace, name = runtime.settings.openlineage_namespace, f"corpus/{contract.name}"
    found = describe.assertions_of(runtime, contract.name, step.run_id) if ended else []
    facets: dict[str, InputDatasetFacet] = {"dataQualityAssertions": _assertions(found)} if found else {}
    return [InputDataset(namespace=namespace, name=name, inputFacets=facets)]


def _assertions(found: list[dict[str, Any]]) -> data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet:
    made = [data_quality_assertions_dataset.Assertion(**item) for item in found]
    return data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=made, producer=PRODUCER)


def _outputs(runtime: Runtime, step: Step, contract: Contract | None, receipt: Receipt | None) -> list[OutputDataset]:
    if step.job == "answers":
        return [OutputDataset(namespace=runtime.settings.openlineage_namespace, name="answers")]
    if contract is None:
        return []
    if step.job in _WRITES_INDEX:
        return [_index(runtime, contract, receipt)]
    return [_corpus(runtime, contract, receipt)]


def _corpus(runtime: Runtime, contract: Contract, receipt: Receipt | None) -> OutputDataset:
    name, namespace = f"corpus/{contract.name}", runtime.settings.openlineage_namespace
    if receipt is None:
        return OutputDataset(namespace=namespace, name=name)
    corpus = describe.corpus_of(runtime, contract, receipt)
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=receipt.counts.indexed, producer=PRODUCER
    )
    return OutputDataset(
        namespace=namespace,
        name=name,
        facets={"stemma_corpus": StemmaCorpusDatasetFacet(**corpus, producer=PRODUCER)},
        outputFacets={"outputStatistics": written} if receipt.stage == "ingest" else {},
    )


def _index(runtime: Runtime, contract: Contract, receipt: Receipt | None) -> OutputDataset:
    name, namespace = f"index/{contract.name}", runtime.settings.openlineage_namespace
    number = receipt.figures.get("version") if receipt else None
    found = describe.index_of(runtime, contract.name, int(number)) if number else None
    if found is None or receipt is None:
        return OutputDataset(namespace=namespace, name=name)
    published = receipt.figures.get("status") == "published"
    written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=found["contents"]["chunks"], producer=PRODUCER
    )
    version = dataset_version_dataset.DatasetVersionDatasetFacet(
        datasetVersion=found["manifestSha256"], producer=PRODUCER
    )
    return OutputDataset(
        namespace=namespace,
        name=name,
        facets={"stemma_index": StemmaIndexDatasetFacet(**found, producer=PRODUCER), "version": version},
        outputFacets={"outputStatistics": written} if published else {},
    )
