"""A LangChain retriever over a signed index (extra `langchain`).

```python
retriever = StemmaRetriever(index=reader, k=4, where={"quality": {">=": 0.6}})
documents = retriever.invoke("how long is the refund window?")
documents = retriever.invoke("the same", where={"owner": "legal"}, k=2)
```
"""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor
from pydantic import Field

from index.fusion import Hybrid
from index.retrievers.passages import Index, ask


class StemmaRetriever(BaseRetriever):  # type: ignore[misc] # LangChain is an optional extra, unknown to mypy here
    """Retrieves chunks as documents; `ingestion.callbacks.langchain.RecordAnswers` knows chunk and version by them.

    Attributes:
        index: An open reader, or a live index; then each call is answered by one version.
        k: How many.
        where: Filters (`index.filters`); a call may give others in their place.
        hybrid: How a search by words joins; None for vectors alone.
        min_score: Documents with a lower score are left out; None for none.
    """

    index: Any = Field(repr=False)
    k: int = Field(default=4, ge=1)
    where: dict[str, Any] | None = None
    hybrid: Hybrid | None = None
    min_score: float | None = None

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: Any,  # noqa: ARG002 - LangChain's signature
        k: int | None = None,
        where: dict[str, Any] | None = None,
    ) -> list[Document]:
        return self._documents(query, k, where)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: Any,  # noqa: ARG002
        k: int | None = None,
        where: dict[str, Any] | None = None,
    ) -> list[Document]:
        # FAISS and the model let go of the interpreter's lock, so other tasks go on meanwhile.
        found: list[Document] = await run_in_executor(None, self._documents, query, k, where)
        return found

    def _documents(self, query: str, k: int | None, where: dict[str, Any] | None) -> list[Document]:
        index: Index = self.index
        found = ask(
            index,
            query,
            k=self.k if k is None else k,
            where=self.where if where is None else where,
            hybrid=self.hybrid,
            min_score=self.min_score,
        )
        return [Document(id=hit.chunk_id, page_content=hit.text, metadata=dict(said)) for hit, said in found]
