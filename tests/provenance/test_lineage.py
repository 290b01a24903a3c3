"""Generation depth and loops, on graphs small enough to be worked out by hand, and laws over random ones."""

from __future__ import annotations

from hypothesis import given as for_all
from hypothesis import strategies as st

from corpus.types import Basis, Scope, Span
from provenance.lineage import Depth, Given, Kind, Node, Relation, Repeat, depths, graph_of, loops


def repeats(document: str, answer: str, revision: str = "r", **more) -> Repeat:
    return Repeat(document=f"kb/{document}", revision_id=revision, answer_id=answer, **more)


def gave(answer: str, document: str, revision: str = "r", span: tuple[int, int] | None = (0, 100), **more) -> Given:
    place = Span(start=span[0], end=span[1]) if span else None
    return Given(
        answer_id=answer, chunk_id=f"c-{document}", document=f"kb/{document}", revision_id=revision, span=place, **more
    )


def revision(document: str, name: str = "r") -> Node:
    return Node(Kind.REVISION, f"kb/{document}@{name}")


def answer(name: str) -> Node:
    return Node(Kind.ANSWER, name)


def path(loop) -> list[str]:
    return [node.name.removeprefix("kb/") for node in loop.path]


def test_a_chain_is_one_deeper_with_each_answer() -> None:
    given = [gave("a1", "p0"), gave("a2", "p1"), gave("a3", "p2")]
    graph = graph_of([repeats("p1", "a1"), repeats("p2", "a2"), repeats("p3", "a3")], given)
    found = depths(graph)
    assert [found[revision(f"p{n}")] for n in range(4)] == [Depth(value=n) for n in range(4)]
    assert [found[answer(f"a{n}")].value for n in (1, 2, 3)] == [0, 1, 2]
    assert loops(graph) == ()


def test_the_deepest_parent_counts() -> None:
    given = [gave("a1", "p0"), gave("a2", "p1"), gave("a2", "p0")]
    found = depths(graph_of([repeats("p1", "a1"), repeats("p2", "a2")], given))
    assert found[answer("a2")] == Depth(value=1)
    assert found[revision("p2")] == Depth(value=2)


def test_two_answers_in_one_page_count_the_deeper() -> None:
    given = [gave("a1", "p0"), gave("a2", "p1")]
    found = depths(graph_of([repeats("p1", "a1"), repeats("both", "a1"), repeats("both", "a2")], given))
    assert found[revision("both")] == Depth(value=2)


def test_the_human_part_of_a_mixed_page_is_a_primary_source() -> None:
    mixed = repeats("mixed", "a1", scope=Scope.PASSAGE, passages=(Span(start=500, end=700),))
    given = [gave("a1", "p0"), gave("a2", "mixed", span=(0, 400)), gave("a3", "mixed", span=(650, 900))]
    found = depths(graph_of([mixed, repeats("p2", "a2"), repeats("p3", "a3")], given))
    assert found[revision("mixed")] == Depth(value=1)
    assert found[revision("p2")] == Depth(value=1), "its answer got human text only"
    assert found[revision("p3")] == Depth(value=2)


def test_what_is_not_known_is_at_least_and_stays_so_downstream() -> None:
    given = [Given(answer_id="a1", chunk_id="web-page"), gave("a2", "p1")]
    found = depths(graph_of([repeats("p1", "a1"), repeats("p2", "a2")], given))
    assert found[revision("p1")] == Depth(value=1, known=False)
    assert found[revision("p2")] == Depth(value=2, known=False)
    assert found[revision("p2")].words == "at least 2"
    blind = depths(graph_of([repeats("p1", "a1")], [], blind=["a1"]))
    assert blind[revision("p1")].words == "at least 1"


def test_a_suspicion_counts_for_no_depth_and_leaves_it_open() -> None:
    graph = graph_of([repeats("p1", "a1", basis=Basis.SUSPECTED)], [gave("a1", "p0"), gave("a1", "p1")])
    assert depths(graph)[revision("p1")] == Depth(value=0, known=False)
    assert loops(graph) == ()


def test_a_version_that_knew_a_chunk_to_be_deep_is_believed() -> None:
    found = depths(graph_of([repeats("p1", "a1")], [gave("a1", "lost", least_depth=3)]))
    assert found[revision("p1")] == Depth(value=4)


def test_a_page_that_takes_in_the_answer_that_it_gave_is_a_loop_and_its_depth_is_exact() -> None:
    graph = graph_of([repeats("p", "a1", "r2")], [gave("a1", "p", "r1")])
    [loop] = loops(graph)
    assert path(loop) == ["p", "a1"]
    assert depths(graph)[revision("p", "r2")] == Depth(value=1), "the revision before is a primary source"


def test_a_loop_over_many_hops_and_models_is_listed_in_order() -> None:
    hops = 7
    given = [gave("a1", "p0", "r1"), *(gave(f"a{n}", f"p{n - 1}") for n in range(2, hops + 1))]
    repeated = [*(repeats(f"p{n}", f"a{n}") for n in range(1, hops)), repeats("p0", f"a{hops}", "r2")]
    [loop] = loops(graph_of(repeated, given))
    steps = [name for n in range(hops, 1, -1) for name in (f"a{n}", f"p{n - 1}")]
    assert path(loop) == ["p0", *steps, "a1"]
    assert loop.answers == tuple(f"a{n}" for n in range(hops, 0, -1))
    assert depths(graph_of(repeated, given))[revision("p0", "r2")] == Depth(value=hops)


def test_pages_that_are_joined_only_by_a_human_part_are_no_loop() -> None:
    mixed = repeats("mixed", "a1", scope=Scope.PASSAGE, passages=(Span(start=500, end=700),))
    given = [gave("a1", "p", "r1"), gave("a2", "mixed", span=(0, 400))]
    graph = graph_of([mixed, repeats("p", "a2", "r2")], given)
    assert loops(graph) == ()
    told = [gave("a1", "p", "r1"), gave("a2", "mixed", span=(600, 800))]
    assert [path(loop) for loop in loops(graph_of([mixed, repeats("p", "a2", "r2")], told))] == [
        ["p", "a2", "mixed", "a1"]
    ]


def test_two_loops_through_one_page_give_the_shorter() -> None:
    given = [gave("a1", "p", "r1"), gave("a2", "q"), gave("b", "p", "r1")]
    graph = graph_of([repeats("q", "a1"), repeats("p", "a2", "r2"), repeats("p", "b", "r2")], given)
    assert [path(loop) for loop in loops(graph)] == [["p", "b"]]


def test_a_circle_without_a_beginning_has_a_finite_depth_wherever_it_is_entered() -> None:
    """Only clocks that are wrong make one: each answer was given the very revision that repeats the other."""
    given = [gave("a1", "p2"), gave("a2", "p1"), gave("a1", "p0"), gave("a3", "p2")]
    repeated = [repeats("p1", "a1"), repeats("p2", "a2"), repeats("p3", "a3")]
    found = depths(graph_of(repeated, given))
    assert found[revision("p1")] == found[revision("p2")] == Depth(value=2, known=False)
    assert found[answer("a1")] == Depth(value=1, known=False, looped=True)
    assert found[revision("p3")] == Depth(value=3, known=False)
    backwards = depths(graph_of(repeated[::-1], given[::-1]))
    assert backwards == found


def test_relations_have_the_names_of_prov() -> None:
    graph = graph_of([repeats("p1", "a1")], [gave("a1", "p0", cited=True)])
    said = {(edge.subject.kind, edge.relation.value, edge.object.kind) for edge in graph.edges}
    assert said == {
        (Kind.REVISION, "wasDerivedFrom", Kind.ANSWER),
        (Kind.ANSWER, "wasDerivedFrom", Kind.CHUNK),
        (Kind.CHUNK, "wasQuotedFrom", Kind.REVISION),
        (Kind.REVISION, "specializationOf", Kind.DOCUMENT),
    }
    [cited] = [edge for edge in graph.edges if edge.object.kind is Kind.CHUNK]
    assert (cited.relation, cited.detail["cited"]) == (Relation.DERIVED, True)


PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=24)


@for_all(PAIRS, PAIRS)
def test_depth_is_the_greatest_of_the_parents_wherever_there_is_no_circle(written, retrieved) -> None:
    repeated = [repeats(f"p{page}", f"a{name}") for page, name in written]
    graph = graph_of(repeated, [gave(f"a{name}", f"p{page}") for name, page in retrieved])
    found = depths(graph)
    for page, depth in found.items():
        if page.kind is not Kind.REVISION or depth.looped:
            continue
        parents = [found[edge.object] for edge in graph.edges if edge.subject == page and edge.object in found]
        assert depth.value == max((1 + parent.value for parent in parents), default=0)
        assert depth.known == all(parent.known for parent in parents)
    assert all(depth.value <= 8 for depth in found.values()), "finite: no more than the answers there are"


@for_all(PAIRS, PAIRS)
def test_loops_are_those_that_a_walk_finds(written, retrieved) -> None:
    """Held against a plain closure: the pages that can be reached from a page, one step at a time."""
    graph = graph_of(
        [repeats(f"p{page}", f"a{name}") for page, name in written],
        [gave(f"a{name}", f"p{page}") for name, page in retrieved],
    )
    steps = {page: {other for p, n in written if p == page for m, other in retrieved if m == n} for page in range(8)}

    def reach(start: int) -> set[int]:
        seen: set[int] = set()
        waiting = set(steps[start])
        while waiting:
            seen |= waiting
            waiting = {other for page in waiting for other in steps[page]} - seen
        return seen

    assert {loop.document.name for loop in loops(graph)} == {f"kb/p{page}" for page in range(8) if page in reach(page)}
