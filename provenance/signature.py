"""What is kept of a served answer so that it is recognised without its text: its words as short hashes.

An answer quotes what it retrieved, so its words prove nothing by themselves. What proves is what is *novel*: a pair
of neighbouring words that stands in none of the texts it was made from, not even a few words apart. Each word is
kept in 18 bits: 16 of its number, whether it only joins others, and whether the pair that it ends is novel. The keys
are what is looked up to find the answer at all: word 3-grams that hold a novel pair.
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
    """

    words: Words
    common: Flags
    novel: Flags

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def weights(self) -> Weights:
        """What the novel pair that each word ends weighs, 0 for a pair that is not novel; shape `(words,)`."""
        return pair_weights(self.common) * self.novel

    @property
    def novelty(self) -> float:
        """What all its novel pairs weigh: how much there is to recognise it by."""
        return float(self.weights.sum())

    def to_bytes(self) -> bytes:
        """Returns two bytes a word and two bits a word after these; `from_bytes` gives the same signature back."""
        return b"".join((self.words.astype("<u2").tobytes(), *(np.packbits(f).tobytes() for f in self._flags())))

    def _flags(self) -> tuple[Flags, Flags]:
        return self.common, self.novel

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """Reads what `to_bytes` wrote.

        Raises:
            ValueError: No number of words takes so many bytes.
        """
        words = len(data) * 4 // 9
        bits = (words + 7) // 8
        while words and 2 * words + 2 * bits > len(data):
            words -= 1
            bits = (words + 7) // 8
        if 2 * words + 2 * bits != len(data):
            raise ValueError(f"a signature has 2 bytes and 2 bits a word, got {len(data)} bytes")
        flags = np.frombuffer(data, dtype=np.uint8, offset=2 * words).reshape(2, bits)
        common, novel = np.unpackbits(flags, axis=1, count=words).astype(np.bool_) if words else flags.astype(np.bool_)
        return cls(words=np.frombuffer(data, dtype="<u2", count=words).astype(np.int64), common=common, novel=novel)


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
        keys: The 3-grams that hold a novel pair and that none of these texts holds, unsigned, sorted, distinct.
    """

    answer: Grams
    novel: Flags
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
        novel = self.novel.copy()
        novel[common_places + 1] = False
        novel[common_places + 2] = False
        words, joins = short_words(self.answer.numbers)[:MOST_WORDS], self.answer.common[:MOST_WORDS]
        signature = Signature(words=words, common=joins, novel=novel[:MOST_WORDS])
        return signature, _kept(_keys(self.answer, novel, np.setdiff1d(self.keys, self.answer.hashes[common_places])))


def novelty_of(answer: Grams, contexts: Iterable[Grams]) -> Novelty:
    """Compares an answer with the texts that it was made from: what it retrieved, and what was asked."""
    known = tuple(contexts)
    near = [rolled(text.numbers, width=2, reach=reach) for text in known for reach in range(1, NEAR + 1)]
    novel = np.zeros(len(answer.numbers), dtype=np.bool_)
    novel[1:] = ~_held(rolled(answer.numbers, width=2), near)
    own = answer.hashes[~_held(answer.hashes, [text.hashes for text in known])]
    return Novelty(answer=answer, novel=novel, keys=_keys(answer, novel, own))


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
    turned = np.bitwise_xor(keys, keys >> np.uint64(17))
    order = np.argsort(turned & np.uint64(0xFFFFFFFF), kind="stable")
    return np.sort(keys[order[: FEW_KEYS + (len(keys) - FEW_KEYS) // _KEPT_OF_MORE]])
