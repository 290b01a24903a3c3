"""LangChain: a callback that records each answer with what was retrieved for it (extra `langchain`).

```python
chain.invoke(question, config={"callbacks": [RecordAnswers(recorder, index=reader)]})
```

One outermost run is one request. It is recorded when it ends, with the documents of every retriever inside it.
A chain that fails, or gives no text, is not recorded. Trouble with recording is logged and never reaches the chain.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document

from corpus.errors import StemmaError
from index.reader import Hit
from ingestion.recording import AnswerRecorder, Open, index_version
from provenance.answers import RetrievedText
from provenance.importers.steps import content_name, named

MOST_OPEN = 10_000
"""Requests that are open at once; the oldest is given up then, since its end was lost."""

_ANSWER_KEYS = ("answer", "output", "result", "response", "text")
_QUESTION_KEYS = ("question", "query", "input", "user_input")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Request:
    """What is known so far of the request that an outermost run answers."""

    question: str | None
    runs: set[UUID] = field(default_factory=set)
    retrieved: dict[RetrievedText, None] = field(default_factory=dict)
    output: str = ""
    model: str = ""
    version: str = ""


class RecordAnswers(BaseCallbackHandler):  # type: ignore[misc] # LangChain is an optional extra, unknown to mypy here
    """Records what chains answer.

    Args:
        recorder: Where answers go.
        index: The index version they are retrieved from: an open reader, or `NAME/v000001`. Empty takes what the
            documents say in their metadata under `index_version`, as `to_documents` writes it.

    Attributes:
        recorded: Answers recorded so far.
        without_text: Requests that ended without a text.
        failed: Answers that could not be recorded; the log says why.
        given_up: Requests whose end never came.
    """

    def __init__(self, recorder: AnswerRecorder, *, index: str | Open = ""):
        self.recorded = self.without_text = self.failed = self.given_up = 0
        self._recorder = recorder
        self._index = index_version(index)
        self._lock = threading.RLock()
        self._roots: dict[UUID, UUID] = {}
        self._open: dict[UUID, _Request] = {}

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - LangChain's signature
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        """Opens a request where the run is an outermost one."""
        self._enter(run_id, parent_run_id, _under(inputs, _QUESTION_KEYS))

    def on_retriever_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        """Notes what was looked for, where nothing else says what was asked."""
        with self._lock:
            request = self._enter(run_id, parent_run_id, query)
            if request is not None and not request.question:
                request.question = query

    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **_: Any) -> None:
        """Notes what was retrieved."""
        with self._lock:
            request = self._of(run_id)
            if request is None:
                return
            for document in documents:
                request.retrieved[_retrieved(document)] = None
                version = document.metadata.get("index_version")
                request.version = version if isinstance(version, str) else request.version
            if run_id in self._open:
                self._leave(run_id)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        messages: list[list[Any]],  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Notes the model's name."""
        self._model(run_id, parent_run_id, metadata)

    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        prompts: list[str],  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Notes the model's name."""
        self._model(run_id, parent_run_id, metadata)

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        """Notes the last output of a model, for chains whose own output is no text."""
        with self._lock:
            request = self._of(run_id)
            if request is None:
                return
            text = next((item.text for group in response.generations for item in group if item.text), "")
            request.output = text or request.output
            said = response.llm_output or {}
            request.model = str(said.get("model_name") or "") or request.model
            if run_id in self._open:
                # A model that was called alone: nobody knows whether, and from what, an answer was made of it.
                self._leave(run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Records the answer where the run is an outermost one."""
        with self._lock:
            if run_id not in self._open:
                return
            request = self._leave(run_id)
        text = _under(outputs, _ANSWER_KEYS) or request.output
        if text.strip():
            self._record(text, request, run_id)
        else:
            self.without_text += 1

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        """Forgets a request that failed."""
        self._drop(run_id)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        """Forgets a request that failed."""
        self._drop(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ARG002
        """Forgets a request that failed."""
        self._drop(run_id)

    def _record(self, text: str, request: _Request, run_id: UUID) -> None:
        said: dict[str, Any] = {"trace_id": str(run_id), **({"model": request.model} if request.model else {})}
        try:
            self._recorder.record(
                text,
                retrieved=request.retrieved,
                index=self._index or request.version,
                question=request.question or None,
                **said,
            )
        except StemmaError:
            self.failed += 1
            _log.warning("an answer was served and not recorded", exc_info=True)
        else:
            self.recorded += 1

    def _enter(self, run_id: UUID, parent_run_id: UUID | None, question: str) -> _Request | None:
        with self._lock:
            if parent_run_id is None:
                self._open[run_id] = _Request(question or None)
                while len(self._open) > MOST_OPEN:
                    self._leave(next(iter(self._open)))
                    self.given_up += 1
            root = run_id if parent_run_id is None else self._roots.get(parent_run_id)
            request = self._open.get(root) if root is not None else None
            if root is not None and request is not None:
                self._roots[run_id] = root
                request.runs.add(run_id)
            return request

    def _model(self, run_id: UUID, parent_run_id: UUID | None, metadata: Mapping[str, Any] | None) -> None:
        with self._lock:
            request = self._enter(run_id, parent_run_id, "")
            name = (metadata or {}).get("ls_model_name")
            if request is not None and isinstance(name, str):
                request.model = name

    def _of(self, run_id: UUID) -> _Request | None:
        root = self._roots.get(run_id)
        return self._open.get(root) if root is not None else None

    def _leave(self, root: UUID) -> _Request:
        request = self._open.pop(root)
        for run_id in request.runs:
            self._roots.pop(run_id, None)
        return request

    def _drop(self, run_id: UUID) -> None:
        with self._lock:
            if run_id in self._open:
                self._leave(run_id)


def to_documents(hits: Iterable[Hit], index: str | Open) -> list[Document]:
    """Returns hits as LangChain's documents, named so that the callback knows chunk and index version.

    Args:
        hits: What `IndexReader.search` found.
        index: The reader, or `NAME/v000001`.
    """
    version = index_version(index)
    return [
        Document(
            id=hit.chunk_id,
            page_content=hit.text,
            metadata={
                "chunk_id": hit.chunk_id,
                "doc_id": hit.doc_id,
                "title": hit.title,
                "source": hit.uri,
                "score": hit.score,
                "index_version": version,
            },
        )
        for hit in hits
    ]


def _retrieved(document: Document) -> RetrievedText:
    name = document.id or named(document.metadata) or content_name(document.page_content)
    return RetrievedText(chunk_id=name, text=document.page_content)


def _under(value: Any, keys: Sequence[str]) -> str:
    """Returns the text of a value: itself, that of a message, or that under one of some keys."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((text for text in (_under(value.get(key), ()) for key in keys) if text.strip()), "")
    text = getattr(value, "text", "")
    # A message has its text as a property that older releases had as a method.
    text = text() if callable(text) and not isinstance(text, str) else text
    return str(text) if isinstance(text, str) else ""
