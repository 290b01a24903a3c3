"""What is kept of a served answer so that it is recognised without its text: its words as short hashes.

An answer quotes what it retrieved, so its words prove nothing by themselves. What proves is what is *novel*: a pair
of neighbouring words that stands in none of the texts it was made from, not even a few words apart. A pair that
stands there a few words apart is a weaker sign. Each word is kept in 19 bits: 16 of its number, whether it only joins
others, and whether the pair that it ends is novel or weak. The keys are what is looked up to find the answer at all:
word 3-grams that hold a novel pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from provenance.grams import Flags, Grams, Numbers, rolled

NAME = "signature/1"
WORD_BITS = 16
"""Two words in 65,000 are taken for one another; a pair of words by chance once in four thousand millions."""
NEAR = 6
"""Two words that a source holds in this order within so many places make no novel pair: leaving words out of a source
is quoting it. Measured 2026 on answers of other systems to one question: it halves what they share by chance."""
MOST_WORDS = 4096
"""Words kept of one answer; of a longer one the rest is not looked for."""
FEW_KEYS = 20
"""Up to so many keys are all kept; of more, every tenth beside these. A document that holds a third of an answer of
any length then still meets enough of them, and a million answers stay small (measured, `benchmarks/registry.py`)."""
_KEPT_OF_MORE = 10
_SAME = 0.8
"""Share of its keys that another answer has to hold to be the same one, served again (our choice)."""
WEAK = 0.5
"""Weight of a weak pair beside a novel one: who shortens a source may leave out the same words (measured 2026: with it
a sixth more of the short excerpts are found, and no more human texts are flagged)."""
_PAIR_WEIGHTS = np.array([1.2, 1.0, 0.3])
"""Weight of a novel pair of which 0, 1, 2 words only join: log-odds that it stands there by chance, measured 2026 on
answers of other systems, and scaled so that a pair with one word of content weighs 1."""
_WORD = (1 << WORD_BITS) - 1

Words = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=False, kw_only=True, eq=False)
class Signature:
    """The words of one answer, in order.

    Attributes:
        words: The low `WORD_BITS` bits of each word's number, shape `(words,)`.
        common: Whether a word only joins others, shape `(words,)`.
        novel: Whether the pair that a word ends is novel, shape `(words,)`; the first word ends none.
        weak: Whether it is not novel and yet no text it was made from holds the two words side by side.
    """

    words: Words
    common: Flags
    novel: Flags
    weak: Flags

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def weights(self) -> Weights:
        """What the pair that each word ends says for the answer, 0 for one that its sources hold; shape `(words,)`."""
        return pair_weights(self.common) * (self.novel + WEAK * self.weak)

    @property
    def novelty(self) -> float:
        """What all its pairs say: how much there is to recognise it by."""
        return float(self.weights.sum())

    def to_bytes(self) -> bytes:
        """Returns two bytes a word and three bits a word after these; `from_bytes` gives the same signature back."""
        return b"".join((self.words.astype("<u2").tobytes(), *(np.packbits(f).tobytes() for f in self._flags())))

    def _flags(self) -> tuple[Flags, Flags, Flags]:
        return self.common, self.novel, self.weak

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """Reads what `to_bytes` wrote.

        Raises:
            ValueError: No number of words takes so many bytes.
        """
        words = len(data) * 8 // 19
        while words and _size(words) > len(data):
            words -= 1
        if _size(words) != len(data):
            raise ValueError(f"a signature has 2 bytes and 3 bits a word, got {len(data)} bytes")
        bits = np.frombuffer(data, dtype=np.uint8, offset=2 * words).reshape(3, -1)
        flags = np.unpackbits(bits, axis=1)[:, :words].astype(np.bool_)
        kept = np.frombuffer(data, dtype="<u2", count=words).astype(np.int64)
        return cls(words=kept, common=flags[0], novel=flags[1], weak=flags[2])


def _size(words: int) -> int:
    return 2 * words + 3 * ((words + 7) // 8)


def short_words(numbers: Numbers) -> Words:
    """Returns word numbers as a signature keeps them."""
    return (numbers & np.uint64(_WORD)).astype(np.int64)


def pairs_of(words: Words) -> Words:
    """Returns one number for each pair of neighbours, at the place of its second word; -1 at the first place."""
    pairs = np.full(len(words), -1, dtype=np.int64)
    pairs[1:] = (words[:-1] << WORD_BITS) | words[1:]
    return pairs


def pair_weights(common: Flags) -> Weights:
    """Returns what the pair that each word ends would weigh if it were novel; shape `(words,)`, 0 at the first."""
    weights = np.zeros(len(common))
    weights[1:] = _PAIR_WEIGHTS[common[1:].astype(np.intp) + common[:-1]]
    return weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Novelty:
    """An answer against the texts that it was made from.

    Attributes:
        answer: The grams of the answer.
        novel: Whether the pair that each word ends is in none of these texts, shape `(words,)`.
        weak: Whether it is in none of them side by side, and not novel.
        keys: The 3-grams that hold a novel pair and that none of these texts holds, unsigned, sorted, distinct.
    """

    answer: Grams
    novel: Flags
    weak: Flags
    keys: Numbers

    @property
    def same(self) -> int:
        """With so many of the keys an answer that is registered is this one, served again in nearly these words."""
        return max(1, round(_SAME * len(_kept(self.keys))))

    def signed(self, stock: Collection[int]) -> tuple[Signature, Numbers]:
        """Returns the signature and the keys to store.

        Args:
            stock: Keys that other answers hold too, so that they say nothing of this one.

        Returns:
            The signature, of `MOST_WORDS` words at the most, and the keys that are kept, sorted.
        """
        common_places = np.flatnonzero(np.isin(self.answer.hashes, np.fromiter(stock, dtype=np.uint64)))
        own = np.ones(len(self.novel), dtype=np.bool_)
        own[common_places + 1] = False
        own[common_places + 2] = False
        novel = self.novel & own
        signature = Signature(
            words=short_words(self.answer.numbers)[:MOST_WORDS],
            common=self.answer.common[:MOST_WORDS],
            novel=novel[:MOST_WORDS],
            weak=(self.weak & own)[:MOST_WORDS],
        )
        return signature, _kept(_keys(self.answer, novel, np.setdiff1d(self.keys, self.answer.hashes[common_places])))


def novelty_of(answer: Grams, contexts: Iterable[Grams]) -> Novelty:
    """Compares an answer with the texts that it was made from: what it retrieved, and what was asked."""
    known = tuple(contexts)
    pairs = rolled(answer.numbers, width=2)
    beside = _held(pairs, [rolled(text.numbers, width=2) for text in known])
    apart = _held(pairs, [rolled(text.numbers, width=2, reach=reach) for text in known for reach in range(2, NEAR + 1)])
    novel, weak = np.zeros((2, len(answer.numbers)), dtype=np.bool_)
    novel[1:] = ~beside & ~apart
    weak[1:] = ~beside & apart
    own = answer.hashes[~_held(answer.hashes, [text.hashes for text in known])]
    return Novelty(answer=answer, novel=novel, weak=weak, keys=_keys(answer, novel, own))


def _held(few: Numbers, many: Sequence[Numbers]) -> Flags:
    """Returns which of a few numbers stand in arrays of many; the few are sorted, and not the many."""
    names, places = np.unique(few, return_inverse=True)
    found = np.zeros(len(names) + 1, dtype=np.bool_)
    for numbers in many if len(names) else ():
        place = np.minimum(np.searchsorted(names, numbers), len(names) - 1)
        found[place[names[place] == numbers]] = True
    return found[places]


def _keys(answer: Grams, novel: Flags, among: Numbers) -> Numbers:
    if len(novel) < 3:
        return np.empty(0, dtype=np.uint64)
    holds = novel[1:-1] | novel[2:]
    return np.intersect1d(answer.hashes[holds], among)


def _kept(keys: Numbers) -> Numbers:
    """Thins many keys out by their own value, so that a document and an answer choose the same ones."""
    if len(keys) <= FEW_KEYS:
        return keys
    return np.sort(keys[np.argsort(turned(keys), kind="stable")[: kept_of(len(keys))]])


def kept_of(keys: int) -> int:
    """Returns how many of an answer's keys are kept."""
    return keys if keys <= FEW_KEYS else FEW_KEYS + (keys - FEW_KEYS) // _KEPT_OF_MORE


def turned(keys: Numbers) -> Numbers:
    """Returns the numbers by which keys are chosen, the least first: of the keys alone, and unlike their order."""
    chosen: Numbers = (keys ^ (keys >> np.uint64(17))) & np.uint64(0xFFFFFFFF)
    return chosen
