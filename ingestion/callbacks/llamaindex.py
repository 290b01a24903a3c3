"""LlamaIndex: an event handler that records each answer with what was retrieved for it (extra `llamaindex`).

```python
from llama_index.core.instrumentation import get_dispatcher
get_dispatcher().add_event_handler(RecordAnswers(recorder=recorder, index=reader))
```

The outermost query is one request: a query engine that asks others is recorded once. A response that is
streamed has no text yet when its query ends: it is counted in `without_text`, and is to be recorded with
`AnswerRecorder.record` when it is complete. Trouble with recording is logged and never reaches the query.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events.query import QueryEndEvent, QueryStartEvent
from llama_index.core.instrumentation.events.span import SpanDropEvent
from llama_index.core.schema import NodeWithScore, TextNode
from pydantic import PrivateAttr

from corpus.errors import StemmaError
from index.reader import Hit
from ingestion.recording import AnswerRecorder, Open, index_version
from provenance.answers import RetrievedText

_log = logging.getLogger(__name__)
_OUTERMOST: ContextVar[str | None] = ContextVar("stemma_outermost_query", default=None)


class RecordAnswers(BaseEventHandler):  # type: ignore[misc] # LlamaIndex is an optional extra, unknown to mypy here
    """Records what query engines answer.

    Args:
        recorder: Where answers go.
        index: The index version they are retrieved from: an open reader, or `NAME/v000001`. Empty takes what the
            nodes say in their metadata under `index_version`, as `to_nodes` writes it.

    Attributes:
        recorded: Answers recorded so far.
        without_text: Queries that ended without a text.
        failed: Answers that could not be recorded; the log says why.
    """

    recorded: int = 0
    without_text: int = 0
    failed: int = 0
    _recorder: AnswerRecorder = PrivateAttr()
    _index: str = PrivateAttr(default="")

    def __init__(self, recorder: AnswerRecorder, *, index: str | Open = ""):
        super().__init__()
        self._recorder = recorder
        self._index = index_version(index)

    @classmethod
    def class_name(cls) -> str:
        """Returns the name under which LlamaIndex lists the handler."""
        return "StemmaRecordAnswers"

    def handle(self, event: Any, **_: Any) -> None:
        """Follows queries, and records the answer of the outermost one."""
        if isinstance(event, QueryStartEvent) and _OUTERMOST.get() is None:
            _OUTERMOST.set(event.span_id)
        elif isinstance(event, QueryEndEvent) and _OUTERMOST.get() in (event.span_id, None):
            _OUTERMOST.set(None)
            self._ended(event)
        elif isinstance(event, SpanDropEvent) and _OUTERMOST.get() == event.span_id:
            _OUTERMOST.set(None)

    def _ended(self, event: Any) -> None:
        text = getattr(event.response, "response", None)
        if not isinstance(text, str) or not text.strip():
            self.without_text += 1
            return
        nodes = list(event.response.source_nodes)
        named = (item.node.metadata.get("index_version") for item in nodes)
        version = next((name for name in named if isinstance(name, str)), "")
        question = event.query if isinstance(event.query, str) else event.query.query_str
        try:
            self._recorder.record(
                text,
                retrieved=[RetrievedText(chunk_id=item.node.node_id, text=item.node.get_content()) for item in nodes],
                index=self._index or version,
                question=question or None,
                trace_id=event.span_id or "",
            )
        except StemmaError:
            self.failed += 1
            _log.warning("an answer was served and not recorded", exc_info=True)
        else:
            self.recorded += 1


def to_nodes(hits: Iterable[Hit], index: str | Open) -> list[NodeWithScore]:
    """Returns hits as LlamaIndex's nodes, named so that the handler knows chunk and index version.

    Args:
        hits: What `IndexReader.search` found.
        index: The reader, or `NAME/v000001`.
    """
    version = index_version(index)
    return [
        NodeWithScore(
            node=TextNode(
                id_=hit.chunk_id,
                text=hit.text,
                metadata={"doc_id": hit.doc_id, "title": hit.title, "source": hit.uri, "index_version": version},
            ),
            score=hit.score,
        )
        for hit in hits
    ]
