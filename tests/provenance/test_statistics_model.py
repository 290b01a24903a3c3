"""A statistical detector from training to finding: what it learns, what it refuses to say, and that it is stable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provenance_parts.styles import known, text
from provenance_parts.watermark_texts import GERMAN
from sklearn.metrics import roc_auc_score

from corpus.errors import ConfigurationError, DigestMismatch, IntegrityError
from corpus.types import Basis, Origin, OriginKind, ParsedDocument, RawBlob, SourceRef
from provenance.classify import verdict
from provenance.statistics.card import ModelCard
from provenance.statistics.detector import ABOVE, StatisticalDetector
from provenance.statistics.features import DIMENSION, WORD_BUCKETS, count_words, features_of
from provenance.statistics.fit import Known, Options, auroc, evaluate, split, train
from provenance.statistics.model import StatisticalModel, Verdict

ROOT = Path(__file__).resolve().parents[2]
DAY = date(2026, 11, 30)
LATER = date(2026, 12, 24)
HOSTILE = [
    "",
    " ",
    "\x00",
    "word",
    "\ud800 alone",
    "a" * 300_000,
    "\u200b" * 500,
    "漢字" * 3_000,
    "=" * 9_000,
    "\n" * 999,
]


@cache
def model() -> StatisticalModel:
    return train(known(520, 300), Options(name="house"), DAY)


def detector(**options: object) -> StatisticalDetector:
    made = {"model": model(), "language_of": lambda _: "en", "on": LATER, **options}
    return StatisticalDetector(**made)  # type: ignore[arg-type]


def found(made: StatisticalDetector, said: str):
    blob = RawBlob(ref=SourceRef(doc_id="a", uri="file:///a", path="a", size=0, modified_at=None), data=b"", sha256="")
    document = ParsedDocument(text=said, blocks=(), title="", media_type="text/plain", metadata={}, parser="test/1")
    [finding] = made.detect(blob, document)
    return finding


def test_it_learns_and_keeps_to_its_rate_on_texts_that_it_never_saw() -> None:
    fresh = evaluate(model(), known(400, 400, start=50_000), LATER)
    assert fresh.false_positives.interval[0] <= 0.05 <= fresh.false_positives.interval[1] + 0.03
    assert fresh.detected.interval[0] > 0.1
    assert (fresh.auroc or 0) > 0.75


def test_the_card_says_what_it_rests_on() -> None:
    card = model().card
    assert card.calibrated
    assert (card.calibration, card.created_on, card.expires_on) == (300, DAY, date(2027, 5, 29))
    assert card.human.trained + card.human.calibrated + card.human.evaluated == 520
    assert card.ai.calibrated == 0
    assert set(card.evaluation.false_positives_by_domain) == {"guide", "news"}
    assert set(card.evaluation.detected_by_generator) == {"a", "b"}
    assert card.languages == {"en": 300}
    assert card.versions["scikit-learn"]
    assert len(card.human.sha256) == 64


def test_files_come_back_as_they_were_and_hold_no_pickle() -> None:
    files = model().files()
    back = StatisticalModel.from_files(files["card.json"], files["weights.safetensors"])
    assert back.card == model().card
    assert back.files() == files
    assert back.read(text(7, tics=0.4), "en", LATER) == model().read(text(7, tics=0.4), "en", LATER)
    assert not any(data.startswith(b"\x80") for data in files.values())


def test_a_changed_file_is_refused() -> None:
    files = model().files()
    weights = bytearray(files["weights.safetensors"])
    weights[-1] ^= 1
    with pytest.raises(DigestMismatch, match="weights of model 'house'"):
        StatisticalModel.from_files(files["card.json"], bytes(weights))
    card = json.loads(files["card.json"])
    for change in ({"format": 2}, {"threshold": "high"}, {"calibration": -1}, {"extra": 1}, {"expires_on": "soon"}):
        with pytest.raises(IntegrityError):
            ModelCard.from_bytes(json.dumps({**card, **change}).encode())
    changed = json.dumps({**card, "features": {**card["features"], "version": 0}}).encode()
    with pytest.raises(IntegrityError, match="other features"):
        StatisticalModel.from_files(changed, files["weights.safetensors"])
    for junk in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(IntegrityError):
            ModelCard.from_bytes(junk)


def test_training_does_not_depend_on_the_order_of_the_texts() -> None:
    given_ = known(520, 300)
    again = train(given_[::-1], Options(name="house"), DAY)
    assert again.card == model().card


def test_too_few_texts_are_not_calibrated_and_then_it_says_nothing_else() -> None:
    small = train(known(300, 320), Options(name="small"), DAY)
    assert (small.card.calibrated, small.card.threshold, small.card.calibration) == (False, None, 180)
    assert small.card.evaluation.false_positives.total == 0
    finding = found(detector(model=small), text(1, tics=1.0))
    assert (finding.code, finding.origin, finding.basis) == (
        "statistics.not_calibrated",
        OriginKind.UNKNOWN,
        Basis.NONE,
    )
    assert set(finding.detail) == {"model", "card"}


def test_it_refuses_to_train_on_nearly_nothing_or_to_claim_too_much() -> None:
    with pytest.raises(ConfigurationError, match="at least 999 known-human"):
        train(known(520, 300), Options(name="x", alpha=0.001), DAY)
    with pytest.raises(ConfigurationError, match="AI-written texts are left to train on"):
        train(known(300, 10), Options(name="x"), DAY)
    with pytest.raises(ConfigurationError):
        train([], Options(name="x"), DAY)


def test_short_texts_other_languages_and_expiry_are_said_and_nothing_else() -> None:
    short = found(detector(), text(1, tics=1.0, words=100))
    assert short.code == "statistics.too_short"
    assert "score" not in short.detail
    assert found(detector(language_of=lambda _: "de"), text(1, tics=1.0)).code == "statistics.language_not_calibrated"
    expired = found(detector(on=model().card.expires_on), text(1, tics=1.0))
    assert expired.code == "statistics.expired"
    assert set(expired.detail) == {"model", "card", "expired_on"}
    assert found(detector(on=date(2027, 5, 28)), text(1, tics=1.0)).code == ABOVE


def test_it_never_decides_and_never_says_human() -> None:
    for said in (text(1, tics=1.0), text(2, tics=0.0), GERMAN, *HOSTILE):
        finding = found(detector(), said)
        assert finding.level == "E6"
        assert finding.origin in (OriginKind.AI_GENERATED, OriginKind.UNKNOWN)
        assert finding.basis in (Basis.SUSPECTED, Basis.NONE)
        assert verdict([finding]) == (Origin(), ())
    assert found(detector(), text(1, tics=1.0)).code == ABOVE


def test_the_fingerprint_changes_with_the_model_and_with_expiry_only() -> None:
    first = detector().fingerprint
    assert detector(on=DAY).fingerprint == first
    assert detector(on=model().card.expires_on).fingerprint != first
    other = StatisticalModel(card=replace(model().card, alpha=0.04), linear=model().linear)
    assert detector(model=other).fingerprint != first


def test_a_score_is_the_same_to_the_bit_in_another_process_with_other_threads(tmp_path) -> None:
    for name, data in model().files().items():
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys, pathlib\nfrom provenance.statistics.model import StatisticalModel\n"
        "from provenance.statistics.features import features_of\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "files = [(folder / name).read_bytes() for name in ('card.json', 'weights.safetensors')]\n"
        "model = StatisticalModel.from_files(*files)\n"
        "print(model.linear.score(features_of((folder / 'text').read_text())).hex())"
    )
    said = text(11, tics=0.3)
    (tmp_path / "text").write_text(said)
    own = model().linear.score(features_of(said)).hex()
    for variables in ({"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "4", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3"}):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "random", **variables}
        command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert run.stdout.strip() == own, run.stderr


def test_inference_needs_no_scikit_learn() -> None:
    program = (
        "import sys\nimport provenance.statistics.detector, ingestion.statistical\nprint('sklearn' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_groups_stay_on_one_side_and_duplicates_leave() -> None:
    pairs = [
        replace(item, group=f"g{n % 260}")
        for half in (known(260, 0), known(0, 260, start=9_000))
        for n, item in enumerate(half)
    ]
    parts = split(pairs, 0)
    groups = [{item.group for item in part} for part in (parts.train, parts.evaluate)]
    assert not groups[0] & groups[1]
    assert not {item.group for item in parts.calibrate} & {item.group for item in parts.train}
    assert len(parts.train) + len(parts.calibrate) + len(parts.evaluate) == 520
    assert all(item.human for item in parts.calibrate)
    both = [*known(520, 300), known(1, 0)[0], replace(known(2, 0)[1], human=False)]
    card = train(both, Options(name="x"), DAY).card
    assert (card.human.duplicates, card.ai.duplicates) == (2, 1)


def test_features_are_bounded_and_words_are_counted_in_every_script() -> None:
    for said in HOSTILE:
        features = features_of(said)
        assert len(features.buckets) == len(features.counts) == len(np.unique(features.buckets))
        assert not len(features.buckets) or (features.buckets.min() >= 0 and features.buckets.max() < DIMENSION)
        assert np.isfinite(model().linear.score(features))
    assert count_words("two words, 3 numbers") == 4
    assert count_words("漢字漢字") == 2
    assert count_words("漢字 and words") == 3
    assert features_of("one one two").counts[features_of("one one two").buckets < WORD_BUCKETS].sum() == 5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_one_finding(said: str) -> None:
    assert found(detector(), said) == found(detector(), said)


def test_auroc_is_that_of_scikit_learn() -> None:
    human, ai = [0.1, 0.4, 0.4, 0.8], [0.4, 0.9, 0.7]
    assert auroc(human, ai) == pytest.approx(roc_auc_score([0] * 4 + [1] * 3, human + ai), abs=1e-6)
    assert auroc([], [1.0]) is None


def test_verdicts_that_rest_on_a_score() -> None:
    assert [item for item in Verdict if item.scored] == [Verdict.ABOVE, Verdict.BELOW]
    assert Known(text="x", human=True).language == "und"
