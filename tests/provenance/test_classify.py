from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.types import Basis, Finding, Origin, OriginKind, Scope, Span
from provenance.classify import speaks, verdict
from provenance.explain import explain

AI, HUMAN, ASSISTED, UNKNOWN = (
    OriginKind.AI_GENERATED,
    OriginKind.HUMAN,
    OriginKind.AI_ASSISTED,
    OriginKind.UNKNOWN,
)
PLACE = Span(start=10, end=20)


def finding(level: str, origin: OriginKind, basis: Basis, scope: Scope = Scope.DOCUMENT, **more: object) -> Finding:
    return replace(
        Finding(detector="test/1", code="test", level=level, origin=origin, basis=basis, scope=scope), **more
    )


DECLARED_HUMAN = finding("E3", HUMAN, Basis.DECLARED)
RESIDUE = finding("E4", AI, Basis.MATCHED, Scope.PASSAGE, span=PLACE)
DIALOGUE = finding("E5", AI, Basis.SUSPECTED)

FINDINGS = st.builds(
    finding,
    st.sampled_from(["E1", "E1b", "E2", "E3", "E4", "E5", "E6", "-"]),
    st.sampled_from(OriginKind),
    st.sampled_from(Basis),
    st.sampled_from(Scope),
    span=st.none() | st.builds(lambda a, b: Span(start=a, end=a + b), st.integers(0, 9), st.integers(1, 9)),
    detail=st.dictionaries(st.just("generation_depth"), st.integers(1, 5)),
)
MARKS = st.builds(
    finding,
    st.sampled_from(["E2", "E4", "E5", "E6", "-"]),
    st.sampled_from(OriginKind),
    st.sampled_from(Basis),
    st.sampled_from(Scope),
)


def test_no_finding_is_unknown_and_never_human() -> None:
    assert verdict(()) == (Origin(), ())


@given(st.lists(FINDINGS, max_size=6), st.randoms())
def test_the_order_of_findings_does_not_matter(findings: list[Finding], random: object) -> None:
    shuffled = list(findings)
    random.shuffle(shuffled)
    assert verdict(shuffled) == verdict(findings)


@given(st.lists(FINDINGS, max_size=5), MARKS)
def test_a_trace_never_makes_a_text_human(findings: list[Finding], mark: Finding) -> None:
    before, after = verdict(findings)[0].kind, verdict([*findings, mark])[0].kind
    assert after is not HUMAN or before is HUMAN


@given(st.lists(FINDINGS, max_size=6))
def test_human_is_only_ever_declared(findings: list[Finding]) -> None:
    origin, passages = verdict(findings)
    for item in (origin, *(passage for _, passage in passages)):
        assert item.kind is not HUMAN or item.basis is Basis.DECLARED
        assert (item.kind is UNKNOWN) == (item.basis is Basis.NONE)
        assert item.level != "E6"


@given(st.lists(FINDINGS, max_size=6))
def test_each_place_has_one_verdict_and_places_are_in_order(findings: list[Finding]) -> None:
    places = [span for span, _ in verdict(findings)[1]]
    assert places == sorted(set(places))


def test_our_own_answer_wins_over_a_declaration_and_is_one_generation_on() -> None:
    ours = finding("E2", AI, Basis.MATCHED)
    assert verdict([DECLARED_HUMAN, ours])[0] == Origin(kind=AI, basis=Basis.MATCHED, level="E2", generation_depth=1)
    deeper = replace(ours, detail={"generation_depth": 3})
    assert verdict([ours, deeper])[0].generation_depth == 3


def test_a_suspicion_never_outweighs_a_declaration() -> None:
    suspect = finding("E2", AI, Basis.SUSPECTED)
    assert verdict([suspect, DIALOGUE, DECLARED_HUMAN])[0].kind is HUMAN
    assert verdict([suspect, DIALOGUE])[0] == Origin(kind=AI, basis=Basis.SUSPECTED, level="E2", generation_depth=1)


def test_interface_residue_speaks_of_its_passage_only() -> None:
    origin, passages = verdict([RESIDUE])
    assert origin == Origin()
    assert passages == ((PLACE, Origin(kind=AI, basis=Basis.MATCHED, scope=Scope.PASSAGE, level="E4")),)
    around = replace(RESIDUE, detail={"passage": [0, 40]})
    assert verdict([around])[1][0][0] == Span(start=0, end=40)


def test_dialogue_is_suspected_statistics_and_links_say_nothing() -> None:
    assert verdict([DIALOGUE])[0] == Origin(kind=AI, basis=Basis.SUSPECTED, level="E5")
    assert verdict([finding("E6", AI, Basis.SUSPECTED)]) == (Origin(), ())
    assert verdict([finding("E4", AI, Basis.MATCHED, Scope.LINK, span=PLACE)]) == (Origin(), ())


@pytest.mark.parametrize("kinds", [(HUMAN, ASSISTED, AI), (HUMAN, AI), (AI, ASSISTED)])
def test_of_two_declarations_the_one_that_keeps_ai_visible_holds(kinds: tuple[OriginKind, ...]) -> None:
    assert verdict([finding("E3", kind, Basis.DECLARED) for kind in kinds])[0].kind is AI


def test_a_mixed_page_keeps_its_own_verdict_and_its_passages_their_depth() -> None:
    part = finding("E2", AI, Basis.MATCHED, Scope.PASSAGE, span=PLACE, detail={"generation_depth": 2})
    origin, passages = verdict([part, DECLARED_HUMAN])
    assert origin.kind is HUMAN
    assert passages[0][1].generation_depth == 2


E1 = finding("E1", HUMAN, Basis.DECLARED)
E1B = finding("E1b", HUMAN, Basis.DECLARED)


@pytest.mark.parametrize(
    ("findings", "kind", "level"),
    [
        ([E1], HUMAN, "E1"),
        ([E1B], HUMAN, "E1b"),
        ([E1, finding("E3", AI, Basis.DECLARED)], HUMAN, "E1"),
        ([E1, finding("E1b", AI, Basis.DECLARED)], HUMAN, "E1"),
        # Anybody can sign: a signature that nobody vouches for weighs no more than a word.
        ([E1B, finding("E3", AI, Basis.DECLARED)], AI, "E3"),
        ([finding("E1b", AI, Basis.DECLARED), DECLARED_HUMAN], AI, "E1b"),
        ([finding("E1b", AI, Basis.DECLARED), finding("E3", AI, Basis.DECLARED)], AI, "E1b"),
        ([E1, finding("E1", AI, Basis.DECLARED)], AI, "E1"),
        ([E1, finding("E2", AI, Basis.MATCHED)], AI, "E2"),
        ([E1B, DIALOGUE], HUMAN, "E1b"),
        ([replace(E1, origin=UNKNOWN, basis=Basis.NONE)], UNKNOWN, ""),
    ],
)
def test_who_signed_weighs_by_who_is_trusted(findings: list[Finding], kind: OriginKind, level: str) -> None:
    origin, _ = verdict(findings)
    assert (origin.kind, origin.level) == (kind, level)


@given(st.lists(FINDINGS, max_size=6), st.randoms())
def test_an_explanation_says_what_the_verdict_says_of_every_finding(findings: list[Finding], random: object) -> None:
    told = explain(findings)
    assert (told.origin, told.passages) == verdict(findings)
    assert len(told.weighed) == sum(item.level != "-" for item in findings)
    roles = Counter(item.role for item in told.weighed)
    assert set(roles) <= {"supports", "contradicts", "passage", "silent"}
    assert (roles["supports"] > 0) == (told.origin.kind is not UNKNOWN)
    for item in told.weighed:
        assert item.why
        assert (item.role == "silent") or speaks(item.finding)
        if item.role == "supports":
            assert item.finding.origin is told.origin.kind
    assert told.statement.startswith("Unknown: ") is (told.origin.kind is UNKNOWN)
    shuffled = list(findings)
    random.shuffle(shuffled)
    assert explain(shuffled).statement == told.statement
