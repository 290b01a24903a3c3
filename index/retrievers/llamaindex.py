"""A LlamaIndex retriever over a signed index (extra `llamaindex`).

```python
retriever = StemmaRetriever(reader, k=4, where={"quality": {">=": 0.6}})
engine = RetrieverQueryEngine.from_args(retriever)
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from index.filters import Where
from index.fusion import Hybrid
from index.reader import Hit
from index.retrievers.passages import Index, ask

_FOR_THE_MODEL = frozenset({"title", "headings"})


class StemmaRetriever(BaseRetriever):  # type: ignore[misc] # LlamaIndex is an optional extra, unknown to mypy here
    """Retrieves chunks as nodes; `ingestion.callbacks.llamaindex.RecordAnswers` knows chunk and version by them.

    A language model sees text, title and headings of a node; the rest of the metadata is for programs.

    Args:
        index: An open reader, or a live index; then each call is answered by one version.
        k: How many.
        where: Filters (`index.filters`).
        hybrid: How a search by words joins; None for vectors alone.
        min_score: Nodes with a lower score are left out; None for none.
        options: What LlamaIndex's own retrievers take, such as `callback_manager`.
    """

    def __init__(
        self,
        index: Index,
        *,
        k: int = 4,
        where: Where | None = None,
        hybrid: Hybrid | None = None,
        min_score: float | None = None,
        **options: Any,
    ) -> None:
        self._index = index
        self._k, self._where, self._hybrid, self._min_score = k, where, hybrid, min_score
        super().__init__(**options)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = ask(
            self._index,
            query_bundle.query_str,
            k=self._k,
            where=self._where,
            hybrid=self._hybrid,
            min_score=self._min_score,
        )
        return [NodeWithScore(node=_node(hit, said), score=hit.score) for hit, said in found]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        # FAISS and the model let go of the interpreter's lock, so other tasks go on meanwhile.
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(hit: Hit, said: Mapping[str, Any]) -> TextNode:
    return TextNode(
        id_=hit.chunk_id,
        text=hit.text,
        start_char_idx=hit.span.start,
        end_char_idx=hit.span.end,
        metadata=dict(said),
        excluded_embed_metadata_keys=list(said),
        excluded_llm_metadata_keys=[name for name in said if name not in _FOR_THE_MODEL],
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=hit.doc_id)},
    )
