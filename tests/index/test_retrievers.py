"""The retrievers inside the real LangChain and LlamaIndex: filters, scores, metadata, async, and a moving alias."""

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest

from corpus.errors import FilterError
from corpus.ids import sha256_hex
from index import layout
from index.fusion import Hybrid
from index.live import follow_index
from index.reader import open_index

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

NAME = "handbook"
QUERY = "Cold slows the yeast."


@pytest.fixture
def reader(world, monkeypatch):
    spec = world.spec
    monkeypatch.setattr(world, "spec", lambda factory: replace(spec(factory), lexical="bm25"))
    world.publish(1, alias="live")
    return open_index(world.store, NAME, trust=world.trust, embedder=world.embedder)


@pytest.fixture
def langchain():
    return pytest.importorskip("index.retrievers.langchain", reason="the extra `langchain` is not installed")


@pytest.fixture
def llamaindex():
    return pytest.importorskip("index.retrievers.llamaindex", reason="the extra `llamaindex` is not installed")


def _expected(reader, hit):
    return {
        "chunk_id": hit.chunk_id,
        "doc_id": "bread",
        "revision_id": hit.revision_id,
        "title": "Bread",
        "source": "file:///srv/bread",
        "start": hit.span.start,
        "end": hit.span.end,
        "headings": "Guide",
        "score": hit.score,
        "cosine": hit.score,
        "bm25": None,
        "origin": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "origin_basis": "declared",
        "generation_depth": 1,
        "quality_score": 0.3,
        "document_version": "1",
        "owner": "docs-team",
        "source_system": "drive",
        "sensitivity_label": "public",
        "language": "de",
        "last_validated_date": "2026-01-02",
        "index_version": "handbook/v000001",
        "manifest_sha256": reader.manifest_sha256,
    }


def test_langchain_documents_say_all_of_themselves(reader, langchain):
    [document] = langchain.StemmaRetriever(index=reader, k=1).invoke(QUERY)
    [hit] = reader.search(QUERY, 1)
    assert (document.id, document.page_content) == (hit.chunk_id, QUERY)
    assert document.metadata == _expected(reader, hit)


def test_langchain_filters_scores_and_overrides(reader, langchain):
    retriever = langchain.StemmaRetriever(index=reader, k=50, where={"language": "en"})
    assert {document.metadata["doc_id"] for document in retriever.invoke(QUERY)} == {"travel", "security"}
    only = retriever.invoke(QUERY, where={"quality": {"<": 0.5}}, k=2)
    assert [document.metadata["doc_id"] for document in only] == ["bread", "bread"]
    scores = [document.metadata["score"] for document in retriever.invoke(QUERY)]
    assert scores == sorted(scores, reverse=True)
    strict = langchain.StemmaRetriever(index=reader, k=50, min_score=0.99)
    assert [document.page_content for document in strict.invoke(QUERY)] == [QUERY]
    with pytest.raises(FilterError, match="unknown filter 'colour'"):
        retriever.invoke(QUERY, where={"colour": "red"})
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        langchain.StemmaRetriever(index=reader, k=0)


def test_langchain_hybrid(reader, langchain):
    found = langchain.StemmaRetriever(index=reader, k=1, hybrid=Hybrid()).invoke("yeast cold")
    assert found[0].metadata["bm25"] > 0


def test_langchain_async_and_in_a_chain(reader, langchain):
    from langchain_core.runnables import RunnableLambda  # noqa: PLC0415

    retriever = langchain.StemmaRetriever(index=reader, k=3)
    chain = retriever | RunnableLambda(lambda documents: [document.id for document in documents])

    async def together():
        return await asyncio.gather(*(chain.ainvoke(QUERY) for _ in range(20)))

    expected = [hit.chunk_id for hit in reader.search(QUERY, 3)]
    assert asyncio.run(together()) == [expected] * 20
    assert asyncio.run(retriever.ainvoke(QUERY, k=1))[0].id == expected[0]
    assert chain.batch([QUERY, QUERY]) == [expected, expected]


def test_llamaindex_nodes_say_all_of_themselves(reader, llamaindex):
    from llama_index.core.schema import MetadataMode, NodeRelationship  # noqa: PLC0415

    [found] = llamaindex.StemmaRetriever(reader, k=1).retrieve(QUERY)
    [hit] = reader.search(QUERY, 1)
    assert (found.node.node_id, found.node.text, found.score) == (hit.chunk_id, QUERY, hit.score)
    assert found.node.metadata == _expected(reader, hit)
    assert (found.node.start_char_idx, found.node.end_char_idx) == (hit.span.start, hit.span.end)
    assert found.node.relationships[NodeRelationship.SOURCE].node_id == "bread"
    assert found.node.get_content(MetadataMode.LLM) == f"title: Bread\nheadings: Guide\n\n{QUERY}"
    assert found.node.get_content(MetadataMode.EMBED) == QUERY


def test_llamaindex_filters_async_and_hybrid(reader, llamaindex):
    retriever = llamaindex.StemmaRetriever(reader, k=50, where={"language": "en"}, hybrid=Hybrid())
    found = retriever.retrieve("yeast screen")
    assert {item.node.metadata["doc_id"] for item in found} == {"travel", "security"}
    assert asyncio.run(retriever.aretrieve("yeast screen")) == found
    assert llamaindex.StemmaRetriever(reader, k=50, min_score=2.0).retrieve(QUERY) == []


def test_a_live_index_answers_each_call_with_one_version(world, reader, langchain, llamaindex, make_doc):
    with follow_index(world.store, NAME, trust=world.trust, embedder=world.embedder, poll_s=None) as live:
        chain, engine = langchain.StemmaRetriever(index=live, k=2), llamaindex.StemmaRetriever(live, k=2)
        assert chain.invoke(QUERY)[0].metadata["index_version"] == "handbook/v000001"
        world.publish(2, [make_doc("new", "only this")])
        data = world.store.read_bytes(f"{layout.version_path(NAME, 2)}/{layout.MANIFEST}")
        world.point("live", 2, sha256_hex(data), generation=2)
        live.check()
        assert [item.metadata["index_version"] for item in chain.invoke(QUERY)] == ["handbook/v000002"]
        [node] = engine.retrieve(QUERY)
        assert node.node.metadata["manifest_sha256"] == sha256_hex(data)


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_a_retriever_brings_nothing_of_ours_that_is_heavy(framework):
    code = (
        f"import sys, index.retrievers.{framework}\n"
        "heavy = ('corpus.catalog', 'corpus.settings', 'alembic', 'torch', 'bm25s', 'ingestion')\n"
        "found = [name for name in heavy if name in sys.modules]\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_reader_brings_no_framework():
    code = (
        "import sys, index.reader, index.live; assert not {'langchain_core', 'llama_index', 'bm25s'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
