"""Signatures: the same bytes everywhere, true to the Jaccard similarity, and bands that meet."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corpus.ids import sha256_hex
from ingestion.relations.sketch import BANDS, PERMUTATIONS, band_matrix, bands_of, shingles_of, similarity, sketch_of

TEXT = "The quick brown fox, it is said, jumps over 13 lazy dogs. Größe zählt: 東京都庁舎 und Ελλάδα!"


def _jaccard(one: str, other: str) -> float:
    sets = []
    for text in (one, other):
        words = re.findall(r"\w+", text.lower())
        sets.append({tuple(words[start : start + 5]) for start in range(len(words) - 4)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_the_bytes_are_the_same_on_every_machine() -> None:
    assert sha256_hex(sketch_of(TEXT)) == "56f737ec983efeb7c98dc2fded2ad9dbf28aaae5f29703a34b4116d6e9188a95"
    assert bands_of(sketch_of(TEXT))[0] == 6456973748911639438


def test_another_process_makes_the_same_bytes() -> None:
    program = f"from ingestion.relations.sketch import *; print(sketch_of({TEXT!r}).hex())"
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        assert run.stdout.strip() == sketch_of(TEXT).hex()


@pytest.mark.parametrize("text", ["", "  \n", "four words are few", "!!! ??? ... --- ***"])
def test_a_text_of_fewer_than_five_words_has_no_signature(text: str) -> None:
    assert sketch_of(text) == b""
    assert bands_of(b"") == ()
    assert similarity(b"", sketch_of(TEXT)) == 0.0


def test_case_and_punctuation_do_not_count_and_words_do() -> None:
    assert sketch_of("One, two; THREE four - five six") == sketch_of("one two three four five six")
    assert sketch_of("one two three four five six") != sketch_of("one two three four fivesix seven")
    assert len(sketch_of(TEXT)) == 4 * PERMUTATIONS


def test_scripts_without_blanks_are_cut_into_characters() -> None:
    one = "東京都は日本の首都であり人口は千四百万人である"
    assert len(shingles_of(one)) == len(one) - 4
    assert similarity(sketch_of(one * 2), sketch_of(one * 2 + "です")) > 0.8


def test_words_of_any_length_and_lone_surrogates_do_no_harm() -> None:
    long = "a" * 5_000
    assert similarity(sketch_of(f"{long} b c d e f"), sketch_of(f"{long}a b c d e f")) < 1.0
    assert sketch_of("one two three \ud800 four five six")


def test_the_same_word_at_two_places_is_the_same_word() -> None:
    [one, *_] = shingles_of("alpha beta gamma delta epsilon")
    assert one in shingles_of("Zeta eta. Alpha, beta gamma\n\ndelta epsilon! theta")


def test_the_estimate_is_true_to_the_sets() -> None:
    chooser = random.Random(7)
    words = [f"w{chooser.randrange(5_000)}" for _ in range(600)]
    errors = []
    for edits in range(0, 400, 20):
        other = list(words)
        for _ in range(edits):
            other[chooser.randrange(len(other))] = f"x{chooser.randrange(5_000)}"
        one, two = " ".join(words), " ".join(other)
        errors.append(similarity(sketch_of(one), sketch_of(two)) - _jaccard(one, two))
    assert abs(float(np.mean(errors))) < 0.02
    # The standard error of 128 permutations is .044 at the worst.
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.044


def test_the_estimate_is_true_on_real_revisions(shared_data: Path) -> None:
    with gzip.open(shared_data / "wiki_versions" / "wiki_versions.jsonl.gz", "rt") as handle:
        texts = [json.loads(line)["text"] for _, line in zip(range(240), handle, strict=False)]
    pairs = [(one, other) for one, other in itertools.pairwise(texts) if sketch_of(one) and sketch_of(other)]
    errors = [similarity(sketch_of(one), sketch_of(other)) - _jaccard(one, other) for one, other in pairs]
    assert len(errors) > 200
    assert float(np.sqrt(np.mean(np.square(errors)))) < 0.044


def test_similar_texts_meet_in_a_band_and_others_do_not() -> None:
    chooser = random.Random(3)
    words = [f"w{chooser.randrange(5_000)}" for _ in range(400)]
    near = [*words[:390], *(f"y{place}" for place in range(10))]
    one, two, other = (sketch_of(" ".join(text)) for text in (words, near, [f"z{word}" for word in words]))
    assert similarity(one, two) > 0.9
    assert len(set(bands_of(one)) & set(bands_of(two))) > BANDS // 2
    assert not set(bands_of(one)) & set(bands_of(other))


def test_bands_of_many_are_those_of_each() -> None:
    sketches = [sketch_of(f"{place} " + TEXT) for place in range(5)]
    rows = [tuple(int(band) for band in row) for row in band_matrix(sketches)]
    assert rows == [bands_of(sketch) for sketch in sketches]
    assert all(0 <= band < 1 << 64 and len(set(row)) == BANDS for row in rows for band in row)
