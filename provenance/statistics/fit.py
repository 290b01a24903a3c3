"""Trains and evaluates a statistical detector on texts whose origin the user knows.

Three parts that share no group: one fits the weights, one (human only) sets the threshold, one tells what it does.
Which text goes where follows from digests, not from order. Needs scikit-learn; reading a text does not.
"""

from __future__ import annotations

import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np

from corpus.errors import ConfigurationError
from corpus.ids import fingerprint, sha256_hex, text_digest
from provenance.statistics.card import Evaluation, ModelCard, Sample
from provenance.statistics.conformal import LEAST_CALIBRATION, Rate, rank, threshold
from provenance.statistics.features import (
    DIMENSION,
    WORD_BUCKETS,
    Features,
    count_words,
    features_of,
    parameters,
)
from provenance.statistics.model import Linear, Scores, StatisticalModel, Verdict, Weights

MINIMUM_WORDS = 200
LEAST_TRAINING = 30
"""Texts of each class below which nothing is fitted: a separating plane can always be found."""
_CALIBRATE, _EVALUATE = 0.4, 0.2
_MOST_CALIBRATE = 0.6
# Inverse strength of the L2 penalty; 1 and 100 gave an AUROC within .02 of it on l2r (measured 2026-11-30).
_C = 10.0
_QUANTILES = {"min": 0.0, "p10": 0.1, "p50": 0.5, "p90": 0.9, "max": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A text whose origin is known.

    Attributes:
        text: The text.
        human: Whether a human wrote it; else a model did.
        domain: What it is about or where it stands, empty for none.
        group: Texts of one group, such as a text and its rewrite, stay on one side; empty for the text alone.
        generator: Which model wrote it, empty for unknown.
        language: ISO 639-1 code.
    """

    text: str
    human: bool
    domain: str = ""
    group: str = ""
    generator: str = ""
    language: str = "und"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a model is trained.

    Attributes:
        name: Its name.
        alpha: Share of human texts that may be flagged.
        days: Days until it expires.
        minimum_words: Least words of a text.
        seed: Of the split.
    """

    name: str
    alpha: float = 0.05
    days: int = 180
    minimum_words: int = MINIMUM_WORDS
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The parts of the training data."""

    train: tuple[Known, ...]
    calibrate: tuple[Known, ...]
    evaluate: tuple[Known, ...]


def train(given: Sequence[Known], options: Options, on: date) -> StatisticalModel:
    """Trains, calibrates and evaluates a model.

    Args:
        given: Texts of both kinds, in any order.
        options: How.
        on: The day, for the card.

    Raises:
        ConfigurationError: There are too few texts to fit anything, or too few for `alpha`.
    """
    usable, samples = _usable(given, options.minimum_words)
    parts = split(usable, options.seed)
    rank(len(parts.calibrate), options.alpha)
    linear = fit(parts.train)
    scores = np.sort(np.array([linear.score(features_of(item.text)) for item in parts.calibrate]))
    linear = replace(linear, calibration=scores)
    calibrated = len(scores) >= LEAST_CALIBRATION
    counts = {kind: _counted(sample, parts, human=kind == "human") for kind, sample in samples.items()}
    card = ModelCard(
        name=options.name,
        created_on=on,
        expires_on=on + timedelta(days=options.days),
        alpha=float(options.alpha),
        minimum_words=options.minimum_words,
        calibration=len(scores),
        threshold=threshold(scores.tolist(), options.alpha) if calibrated else None,
        languages=dict(Counter(item.language for item in parts.calibrate)),
        words=_lengths(parts.calibrate),
        human=counts["human"],
        ai=counts["ai"],
        evaluation=_NOTHING,
        seed=options.seed,
        features=parameters(),
        versions=_versions(),
        weights_sha256=sha256_hex(linear.to_bytes()),
    )
    model = StatisticalModel(card=card, linear=linear)
    return StatisticalModel(card=replace(card, evaluation=evaluate(model, parts.evaluate, on)), linear=linear)


def split(usable: Sequence[Known], seed: int) -> Split:
    """Divides texts by group: human ones in three, AI-written ones in two.

    Calibration gets two fifths of the human texts, and up to three fifths where it would stay under the least that
    supports a claim; a fifth is for evaluation.
    """
    place = {id(item): _place(item, seed) for item in usable}
    human = sorted((item for item in usable if item.human), key=lambda item: place[id(item)])
    share = min(max(_CALIBRATE, LEAST_CALIBRATION / len(human)), _MOST_CALIBRATE) if human else 0.0
    ends = (round(share * len(human)), round((share + _EVALUATE) * len(human)))
    side = {_group(item): int(n >= ends[0]) + int(n >= ends[1]) for n, item in reversed(list(enumerate(human)))}
    fallback = 1 - share - _EVALUATE
    parts: dict[int, list[Known]] = defaultdict(list)
    for item in sorted(usable, key=lambda item: place[id(item)]):
        known = side.get(_group(item))
        if known is None:
            known = 2 if place[id(item)][0] < fallback else 1
        parts[known if item.human else (2 if known == 2 else 1)].append(item)
    calibrate = [item for item in parts[0] if item.human]
    return Split(train=tuple(parts[2]), calibrate=tuple(calibrate), evaluate=tuple(parts[1]))


def fit(items: Sequence[Known], features: Callable[[str], Features] = features_of) -> Linear:
    """Fits TF-IDF weights and a linear model; the result has no calibration yet.

    Args:
        items: Texts of both kinds.
        features: What gives the features of a text, for who has them already.

    Raises:
        ConfigurationError: There are too few texts of one kind, or scikit-learn is not installed.
    """
    counts = Counter(item.human for item in items)
    for human, what in ((True, "human"), (False, "AI-written")):
        if counts[human] < LEAST_TRAINING:
            raise ConfigurationError(
                f"{counts[human]} {what} texts are left to train on, at least {LEAST_TRAINING} are needed. Give more, "
                "of at least the least number of words, and no duplicates."
            )
    found = [features(item.text) for item in items]
    idf = _idf(found)
    seen = np.unique(np.concatenate([item.buckets for item in found]))  # the others keep a weight of nothing
    fitted = _regression().fit(_matrix(found, idf)[:, seen], np.array([not item.human for item in items]))
    coef: Weights = np.zeros(DIMENSION, dtype=np.float32)
    coef[seen] = fitted.coef_[0]
    return Linear(idf=idf, coef=coef, intercept=float(fitted.intercept_[0]), calibration=np.empty(0, dtype=np.float64))


def evaluate(model: StatisticalModel, items: Iterable[Known], on: date) -> Evaluation:
    """Counts what a model does on texts whose origin is known.

    A model that is expired or not calibrated flags nothing; its AUROC is still told.
    """
    tallies: dict[str, Counter[str]] = {name: Counter() for name in ("fp", "tp", "tp_domain", "of", "of_generator")}
    skipped: Counter[str] = Counter()
    scores: dict[bool, list[float]] = {True: [], False: []}
    for item in items:
        if count_words(item.text) < model.card.minimum_words:
            skipped[Verdict.TOO_SHORT.value] += 1
            continue
        reading = model.read(item.text, item.language, on)
        score = reading.score
        scores[item.human].append(model.linear.score(features_of(item.text)) if score is None else score)
        if not reading.verdict.scored:
            skipped[reading.verdict.value] += 1
            continue
        _tally(tallies, item, flagged=reading.verdict is Verdict.ABOVE)
    human = {name[1:]: n for name, n in tallies["of"].items() if name[0] == "h"}
    ai = {name[1:]: n for name, n in tallies["of"].items() if name[0] == "a"}
    return Evaluation(
        false_positives=Rate(hits=tallies["fp"].total(), total=sum(human.values())),
        false_positives_by_domain=_by(tallies["fp"], human),
        detected=Rate(hits=tallies["tp"].total(), total=sum(ai.values())),
        detected_by_domain=_by(tallies["tp_domain"], ai),
        detected_by_generator=_by(tallies["tp"], tallies["of_generator"]),
        auroc=auroc(scores[True], scores[False]),
        skipped=dict(sorted(skipped.items())),
    )


def auroc(human: Sequence[float], ai: Sequence[float]) -> float | None:
    """Returns the chance that an AI-written text scores above a human one, ties counted half."""
    if not human or not ai:
        return None
    ranked = np.sort(np.array(human))
    found: Scores = np.array(ai)
    below = np.searchsorted(ranked, found, "left") + np.searchsorted(ranked, found, "right")
    return round(float(below.sum() / (2 * len(ranked) * len(found))), 6)


_NOTHING = Evaluation(
    false_positives=Rate(hits=0, total=0),
    false_positives_by_domain={},
    detected=Rate(hits=0, total=0),
    detected_by_domain={},
    detected_by_generator={},
    auroc=None,
    skipped={},
)


def _tally(tallies: dict[str, Counter[str]], item: Known, *, flagged: bool) -> None:
    tallies["of"][("h" if item.human else "a") + item.domain] += 1
    if not item.human:
        tallies["of_generator"][item.generator] += 1
    if flagged and item.human:
        tallies["fp"][item.domain] += 1
    elif flagged:
        tallies["tp"][item.generator] += 1
        tallies["tp_domain"][item.domain] += 1


def _by(hits: Counter[str], totals: Counter[str] | dict[str, int]) -> dict[str, Rate]:
    return {name: Rate(hits=hits[name], total=totals[name]) for name in sorted(totals)}


def _usable(given: Sequence[Known], minimum_words: int) -> tuple[list[Known], dict[str, Sample]]:
    """Leaves out what is too short and what is there twice; a text of both kinds is of neither."""
    kinds: dict[str, set[bool]] = defaultdict(set)
    digests = [text_digest(" ".join(item.text.split())) for item in given]
    for item, digest in zip(given, digests, strict=True):
        kinds[digest].add(item.human)
    seen: set[str] = set()
    kept: list[Known] = []
    left: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for item, digest in zip(given, digests, strict=True):
        left[item.human]["documents"] += 1
        if digest in seen or len(kinds[digest]) > 1:
            left[item.human]["duplicates"] += 1
        elif count_words(item.text) < minimum_words:
            left[item.human]["too_short"] += 1
        else:
            kept.append(item)
        seen.add(digest)
    listed = {human: sorted({d for i, d in zip(given, digests, strict=True) if i.human is human}) for human in left}
    samples = {
        "human" if human else "ai": Sample(
            sha256=fingerprint("texts", {"digests": listed[human]}),
            documents=counts["documents"],
            duplicates=counts["duplicates"],
            too_short=counts["too_short"],
            trained=0,
            calibrated=0,
            evaluated=0,
        )
        for human, counts in left.items()
    }
    return kept, samples


def _counted(sample: Sample, parts: Split, *, human: bool) -> Sample:
    return Sample(
        sha256=sample.sha256,
        documents=sample.documents,
        duplicates=sample.duplicates,
        too_short=sample.too_short,
        trained=sum(item.human is human for item in parts.train),
        calibrated=sum(item.human is human for item in parts.calibrate),
        evaluated=sum(item.human is human for item in parts.evaluate),
    )


def _group(item: Known) -> str:
    return f"g{item.group}" if item.group else f"t{text_digest(item.text)}"


def _place(item: Known, seed: int) -> tuple[float, str]:
    """Returns where a text falls in [0, 1) by its group, and what breaks ties."""
    digest = fingerprint("split", {"seed": seed, "group": _group(item)})
    return int(digest[:13], 16) / 2**52, text_digest(item.text)


def _lengths(items: Sequence[Known]) -> dict[str, int]:
    words = sorted(count_words(item.text) for item in items)
    return {name: words[round(share * (len(words) - 1))] for name, share in _QUANTILES.items()} if words else {}


def _idf(found: Sequence[Features]) -> Weights:
    texts = np.bincount(np.concatenate([item.buckets for item in found]), minlength=DIMENSION)
    weights: Weights = (np.log((1 + len(found)) / (1 + texts)) + 1).astype(np.float32)
    return weights


def _matrix(found: Sequence[Features], idf: Weights) -> Any:
    """Returns the rows that `Linear.score` weighs: the two families, each of unit length."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - only training needs it

    rows: list[Scores] = []
    for item in found:
        weighted = np.sqrt(item.counts) * idf[item.buckets].astype(np.float64)
        for family in (item.buckets < WORD_BUCKETS, item.buckets >= WORD_BUCKETS):
            length = float(np.sqrt((weighted[family] ** 2).sum()))
            weighted[family] /= length or 1.0
        rows.append(weighted)
    ends = np.cumsum([0, *(len(item.buckets) for item in found)])
    columns = np.concatenate([item.buckets for item in found])
    return csr_array((np.concatenate(rows), columns, ends), shape=(len(found), DIMENSION))


def _regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - only training needs it
    except ImportError as error:
        raise ConfigurationError(
            "training needs scikit-learn, which is not installed. Run `pip install scikit-learn`."
        ) from error
    return LogisticRegression(C=_C, class_weight="balanced", max_iter=500)


def _versions() -> dict[str, str]:
    own = {name: version(name) for name in ("numpy", "scikit-learn", "scipy")}
    return {**own, "python": platform.python_version()}
