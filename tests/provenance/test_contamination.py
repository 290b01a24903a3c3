import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.types import Basis, OriginKind
from provenance.contamination import count_origins, origin_mix

AI, HUMAN, ASSISTED, UNKNOWN = (
    OriginKind.AI_GENERATED,
    OriginKind.HUMAN,
    OriginKind.AI_ASSISTED,
    OriginKind.UNKNOWN,
)
ROWS = [
    (HUMAN, Basis.DECLARED, 0),
    (AI, Basis.DECLARED, 0),
    (ASSISTED, Basis.DECLARED, 0),
    (AI, Basis.MATCHED, 2),
    (AI, Basis.SUSPECTED, 1),
    (UNKNOWN, Basis.NONE, 0),
    (UNKNOWN, Basis.NONE, 0),
    (UNKNOWN, Basis.NONE, 0),
]


def test_what_is_suspected_is_beside_the_share_and_not_in_it() -> None:
    mix = origin_mix(*count_origins(ROWS))
    assert mix["chunks"] == 8
    assert mix["ai_share"] == pytest.approx(3 / 8)
    assert mix["ai_declared_share"] == pytest.approx(2 / 8)
    assert mix["ai_matched_share"] == mix["ai_suspected_share"] == pytest.approx(1 / 8)
    assert mix["unknown_share"] == pytest.approx(3 / 8)
    assert mix["max_generation_depth"] == 2


def test_nothing_has_no_shares() -> None:
    assert set(origin_mix({}).values()) == {0}


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="robot"):
        count_origins([("robot", "declared", 0)])


@given(st.lists(st.tuples(st.sampled_from(OriginKind), st.sampled_from(Basis), st.integers(0, 4))))
def test_every_chunk_is_counted_once(rows: list[tuple[str, str, int]]) -> None:
    mix = origin_mix(*count_origins(rows))
    apart = ("human_declared", "ai_generated_declared", "ai_assisted_declared", "ai_matched", "ai_suspected", "unknown")
    assert sum(mix[name] for name in apart) == mix["chunks"] == len(rows)
    assert all(0 <= mix[name] <= 1 for name in mix if name.endswith("_share"))
