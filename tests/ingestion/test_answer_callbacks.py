"""The callbacks inside the real LangChain and LlamaIndex, over a real index, with the models these ship for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from laws.handbook import NAME, Project

from corpus.catalog import answers
from corpus.errors import ConfigurationError
from index.reader import IndexReader
from ingestion.recording import AnswerRecorder
from provenance.answers import AnswerInput, RetrievedText

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

ANSWER = (
    "You may send a kettle back for sixty days as long as nobody broke the seal beneath its lid; put the base plate "
    "into the same box, note the order number on it and give it to any partner shop, whose clerk prints the label."
)
QUESTION = "May I return a kettle?"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, IndexReader]:
    project = Project.create(tmp_path_factory.mktemp("world") / "project")
    project.write("kettles", "# Kettles\n\nKettles may be returned within sixty days if the seal is whole.\n")
    project.write("toasters", "# Toasters\n\nA toaster is repaired in our own shop and comes back in a week.\n")
    project.ingest()
    return project, project.reader()


@pytest.fixture
def kept() -> list[AnswerInput]:
    return []


@pytest.fixture
def recorder(kept: list[AnswerInput]) -> AnswerRecorder:
    return AnswerRecorder(kept.extend, system="bot", model="unnamed")


class TestLangChain:
    @pytest.fixture
    def parts(self, world: tuple[Project, IndexReader]) -> dict[str, Any]:
        pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
        from langchain_core.documents import Document  # noqa: PLC0415
        from langchain_core.language_models.fake_chat_models import FakeListChatModel  # noqa: PLC0415
        from langchain_core.output_parsers import StrOutputParser  # noqa: PLC0415
        from langchain_core.prompts import ChatPromptTemplate  # noqa: PLC0415
        from langchain_core.retrievers import BaseRetriever  # noqa: PLC0415
        from langchain_core.runnables import RunnablePassthrough  # noqa: PLC0415

        from ingestion.callbacks.langchain import to_documents  # noqa: PLC0415

        _, reader = world

        class OverStemma(BaseRetriever):  # type: ignore[misc]
            def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
                return to_documents(reader.search(query, k=2), reader)

        def together(documents: list[Document]) -> str:
            return "\n".join(document.page_content for document in documents)

        prompt = ChatPromptTemplate.from_template("Answer from {context}: {question}")
        model = FakeListChatModel(responses=[ANSWER])
        inputs = {"context": OverStemma() | together, "question": RunnablePassthrough()}
        return {"chain": inputs | prompt | model | StrOutputParser(), "model": model, "retriever": OverStemma()}

    def test_a_chain_is_recorded_once_with_all_that_it_retrieved(
        self, parts: dict[str, Any], world: tuple[Project, IndexReader], recorder: AnswerRecorder, kept: list[Any]
    ) -> None:
        from ingestion.callbacks.langchain import RecordAnswers  # noqa: PLC0415

        handler = RecordAnswers(recorder)
        assert parts["chain"].invoke(QUESTION, config={"callbacks": [handler]}) == ANSWER
        [answer] = kept
        hits = world[1].search(QUESTION, k=2)
        assert (answer.text, answer.question, answer.system) == (ANSWER, QUESTION, "bot")
        assert answer.retrieved == tuple(RetrievedText(chunk_id=hit.chunk_id, text=hit.text) for hit in hits)
        assert answer.index_version == f"{NAME}/v000001"
        assert answer.trace_id
        assert (handler.recorded, handler.without_text, handler.failed) == (1, 0, 0)
        assert not handler._open
        assert not handler._roots

    def test_chains_that_run_at_once_and_streams_are_kept_apart(
        self, parts: dict[str, Any], recorder: AnswerRecorder, kept: list[Any], world: tuple[Project, IndexReader]
    ) -> None:
        from ingestion.callbacks.langchain import RecordAnswers  # noqa: PLC0415

        handler = RecordAnswers(recorder, index=world[1])
        questions = [f"Question {number}?" for number in range(6)]
        parts["chain"].batch(questions, config={"callbacks": [handler]})

        async def ask() -> None:
            await asyncio.gather(
                *(parts["chain"].ainvoke(f"a{question}", config={"callbacks": [handler]}) for question in questions)
            )

        asyncio.run(ask())
        assert "".join(parts["chain"].stream("streamed?", config={"callbacks": [handler]})) == ANSWER
        assert sorted(item.question for item in kept) == sorted(
            [*questions, *(f"a{q}" for q in questions), "streamed?"]
        )
        assert all(len(item.retrieved) == 2 and item.text == ANSWER for item in kept)
        assert not handler._open

    def test_what_fails_what_is_alone_and_what_cannot_be_recorded(self, parts: dict[str, Any]) -> None:
        from langchain_core.runnables import RunnableLambda  # noqa: PLC0415

        from ingestion.callbacks.langchain import RecordAnswers  # noqa: PLC0415

        def refuse(batch: Any) -> None:
            raise ConfigurationError("no room")

        handler = RecordAnswers(AnswerRecorder(refuse))
        config = {"callbacks": [handler]}

        def fall(value: str) -> str:
            raise ValueError(value)

        with pytest.raises(ValueError, match="x"):
            (parts["retriever"] | RunnableLambda(fall)).invoke("x", config=config)
        assert parts["model"].invoke("alone", config=config).content == ANSWER
        parts["retriever"].invoke("alone", config=config)
        RunnableLambda(lambda value: 5).invoke("no text", config=config)
        assert parts["chain"].invoke(QUESTION, config=config) == ANSWER, "the chain goes on"
        assert (handler.recorded, handler.without_text, handler.failed) == (0, 1, 1)
        assert not handler._open
        assert not handler._roots

    def test_it_reaches_the_registry_of_a_project(
        self, parts: dict[str, Any], world: tuple[Project, IndexReader]
    ) -> None:
        from ingestion.callbacks.langchain import RecordAnswers  # noqa: PLC0415

        project, reader = world
        handler = RecordAnswers(AnswerRecorder.to_project(project.runtime, system="bot"), index=reader)
        parts["chain"].invoke(QUESTION, config={"callbacks": [handler]})
        with project.runtime.catalog.reading() as tx:
            assert answers.count(tx) == 1
            hit = answers.holders(tx, answers_grams())
        assert len(hit) == 1


def answers_grams() -> list[int]:
    from provenance.answers import document_grams  # noqa: PLC0415

    return list(document_grams(ANSWER).values)


class TestLlamaIndex:
    @pytest.fixture
    def engine(self, world: tuple[Project, IndexReader]) -> Any:
        pytest.importorskip("llama_index.core", reason="the extra `llamaindex` is not installed")
        from llama_index.core.llms import MockLLM  # noqa: PLC0415
        from llama_index.core.query_engine import RetrieverQueryEngine  # noqa: PLC0415
        from llama_index.core.retrievers import BaseRetriever  # noqa: PLC0415

        from ingestion.callbacks.llamaindex import to_nodes  # noqa: PLC0415

        _, reader = world

        class OverStemma(BaseRetriever):  # type: ignore[misc]
            def _retrieve(self, query_bundle: Any) -> Any:
                if query_bundle.query_str == "fail":
                    raise ValueError("no index")
                return to_nodes(reader.search(query_bundle.query_str, k=2), reader)

        return RetrieverQueryEngine.from_args(OverStemma(), llm=MockLLM())

    @pytest.fixture
    def handler(self, engine: Any, recorder: AnswerRecorder) -> Iterator[Any]:
        from llama_index.core.instrumentation import get_dispatcher  # noqa: PLC0415

        from ingestion.callbacks.llamaindex import RecordAnswers  # noqa: PLC0415

        handler = RecordAnswers(recorder)
        dispatcher = get_dispatcher()
        dispatcher.add_event_handler(handler)
        yield handler
        dispatcher.event_handlers.remove(handler)

    def test_a_query_is_recorded_with_the_nodes_that_the_model_was_given(
        self, engine: Any, handler: Any, kept: list[Any], world: tuple[Project, IndexReader]
    ) -> None:
        response = engine.query(QUESTION)
        [answer] = kept
        hits = world[1].search(QUESTION, k=2)
        assert (answer.text, answer.question) == (response.response, QUESTION)
        assert answer.retrieved == tuple(RetrievedText(chunk_id=hit.chunk_id, text=hit.text) for hit in hits)
        assert answer.index_version == f"{NAME}/v000001"
        assert (handler.recorded, handler.without_text, handler.failed) == (1, 0, 0)

    def test_a_failed_query_does_not_hide_the_next_and_a_nested_one_is_not_recorded(
        self, engine: Any, handler: Any, kept: list[Any]
    ) -> None:
        from llama_index.core.indices.query.query_transform.base import IdentityQueryTransform  # noqa: PLC0415
        from llama_index.core.query_engine import TransformQueryEngine  # noqa: PLC0415

        with pytest.raises(ValueError, match="no index"):
            engine.query("fail")
        TransformQueryEngine(engine, IdentityQueryTransform()).query(QUESTION)
        asyncio.run(engine.aquery("again"))
        assert [answer.question for answer in kept] == [QUESTION, "again"]

    def test_a_stream_has_no_text_yet_and_is_counted(self, world: Any, engine: Any, handler: Any, kept: Any) -> None:
        from llama_index.core.llms import MockLLM  # noqa: PLC0415
        from llama_index.core.query_engine import RetrieverQueryEngine  # noqa: PLC0415

        streaming = RetrieverQueryEngine.from_args(engine.retriever, llm=MockLLM(), streaming=True)
        response = streaming.query(QUESTION)
        assert kept == []
        assert handler.without_text == 1
        assert str(response)


def test_the_callbacks_are_not_loaded_by_the_recorder() -> None:
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    program = "import sys, ingestion.recording; print([n for n in sys.modules if n.startswith(('langchain', 'llama'))])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert (Path(__file__).parents[2] / "ingestion" / "callbacks" / "__init__.py").read_text() == ""
