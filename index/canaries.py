"""Canaries: 64 fixed texts whose vectors say whether a model still is the model it was.

A fingerprint covers the files of a model. It cannot see a library that computes differently, a
processor that rounds differently or a server that swapped its model. Embedding the same texts again
can. The texts are prose, code, tables, numbers and thirteen languages, from one word to a page.
They never change: a changed text would look like a changed model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from corpus.errors import FingerprintMismatch

# The same runtime gives the same bits for the same list, and differs by batch composition alone:
# 2e-7 in fp32 and 2e-3 per element in bf16, which is a cosine of .99999 (measured 2026).
SAME_RUNTIME = 0.9999

# bf16 against fp32 of one model has a minimum cosine of .9999 over real chunks (measured 2026, two
# processors). int8 of the same model has .98-.99 and must not pass for the same space.
ACROSS_RUNTIMES = 0.999

PARTS = 8
"""Parts of the canaries that are asked in turn where asking all would cost more than what is to be written."""

_SHOWN = 60
"""Characters of a text that a report shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A canary whose vector is not where it was.

    Attributes:
        canary: Its number in `CANARY_TEXTS`.
        text: Its beginning.
        cosine: To the stored vector.
    """

    canary: int
    text: str
    cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryResult:
    """How near fresh canary vectors are to stored ones.

    Attributes:
        min_cosine: Lowest cosine over all canaries; -1 if a vector was not finite.
        mean_cosine: Mean cosine.
        worst: Index into `CANARY_TEXTS` of the lowest.
        texts: Number of canaries compared.
        cosines: Of each, in order.
        asked: Their numbers in `CANARY_TEXTS`.
    """

    min_cosine: float
    mean_cosine: float
    worst: int
    texts: int
    cosines: tuple[float, ...]
    asked: tuple[int, ...]

    def passed(self, threshold: float) -> bool:
        """Whether the vectors may meet in one index, at `SAME_RUNTIME` or `ACROSS_RUNTIMES`."""
        return self.min_cosine >= threshold

    def moved(self, threshold: float) -> tuple[Moved, ...]:
        """Returns the canaries below a threshold, lowest first."""
        low = sorted(pair for pair in zip(self.cosines, self.asked, strict=True) if pair[0] < threshold)
        return tuple(Moved(canary=place, text=CANARY_TEXTS[place][:_SHOWN], cosine=cosine) for cosine, place in low)


def threshold_for(before: Mapping[str, str] | None, now: Mapping[str, str]) -> float:
    """Returns the least cosine that passes between two runtimes.

    What a server computes with is not known, so two answers of one are never taken for one runtime.

    Args:
        before: What computed the stored vectors; None where nobody wrote it down.
        now: What computed the fresh ones.
    """
    return SAME_RUNTIME if before == now and now.get("backend") != "http" else ACROSS_RUNTIMES


def differing(before: Mapping[str, str] | None, now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Returns the parts of two runtimes that differ, as `(before, now)`; a part that one lacks is empty there."""
    if before is None:
        return {}
    names = sorted({*before, *now})
    pairs = {name: (before.get(name, ""), now.get(name, "")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def sample(turn: int) -> tuple[int, ...]:
    """Returns the numbers of some canaries: every `PARTS`-th, another first one each turn.

    The texts are ordered by kind, so a part holds a word, a question, prose, code, numbers and other languages; all
    of them together are all canaries.
    """
    return tuple(range(turn % PARTS, len(CANARY_TEXTS), PARTS))


def compare(
    stored: npt.NDArray[np.float32], fresh: npt.NDArray[np.float32], asked: Sequence[int] | None = None
) -> CanaryResult:
    """Compares two sets of canary vectors row by row.

    Args:
        stored: Array of shape `(texts, dimension)`.
        fresh: Array of the same shape, same order.
        asked: Numbers of the canaries that the rows are of; None where they are the first ones in order.

    Returns:
        The cosines, summarised. A zero or non-finite row counts as cosine -1.

    Raises:
        FingerprintMismatch: The shapes differ, or there is no canary to compare.
    """
    if stored.shape != fresh.shape or stored.ndim != 2 or not len(stored):
        raise FingerprintMismatch(
            f"canary vectors of shape {fresh.shape} cannot be compared with stored ones of shape {stored.shape}: they "
            "come from another model or from another set of canaries. Re-embed with the model that is installed."
        )
    one, two = stored.astype(np.float64), fresh.astype(np.float64)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = np.einsum("ij,ij->i", one, two) / norms
    cosines = np.where(np.isfinite(cosines), np.clip(cosines, -1.0, 1.0), -1.0)
    numbers = tuple(range(len(cosines)) if asked is None else asked)
    worst = int(np.argmin(cosines))
    return CanaryResult(
        min_cosine=float(cosines[worst]),
        mean_cosine=float(cosines.mean()),
        worst=numbers[worst],
        texts=len(cosines),
        cosines=tuple(float(cosine) for cosine in cosines),
        asked=numbers,
    )


CANARY_TEXTS: tuple[str, ...] = (
    # One word to one line
    "water",
    "Invoice",
    "kubectl",
    "Photosynthesis",
    "How do I reset my password?",
    "Which form do I need to claim travel expenses?",
    "What is the boiling point of nitrogen?",
    "Who approved the change to the retention policy?",
    "The cat sleeps on the warm stove.",
    "Nobody expected the bridge to close for two years.",
    "Interest rates rose by a quarter of a point on Thursday.",
    "The patient was given 500 mg of amoxicillin three times a day.",
    "Turn the valve clockwise until the pressure gauge reads zero.",
    "Refunds are paid within fourteen days of the return.",
    "Refunds are not paid within fourteen days of the return.",
    "The contract ends on 31 March unless it is renewed in writing.",
    # A paragraph
    (
        "A glacier moves because ice under pressure deforms. Its base slides over water and gravel, and its surface "
        "cracks into crevasses where the slope steepens. Measured with stakes, the middle flows faster than the edges."
    ),
    (
        "Bread dough rises because yeast turns sugar into carbon dioxide, and a net of gluten holds the gas. Cold "
        "slows the yeast and lets flavour develop, which is why bakers leave dough in the refrigerator overnight."
    ),
    (
        "When a node stops answering its heartbeat, the scheduler marks it as unknown, waits for the eviction timeout, "
        "and starts its workloads elsewhere. Volumes that can be attached only once are released first."
    ),
    (
        "The committee found that three of the five invoices had been paid twice. It asked the finance department to "
        "compare supplier numbers before every payment run and to report differences above one hundred euros."
    ),
    (
        "Employees who work from home at least two days a week may ask for a desk and a chair. The request goes to the "
        "line manager, who decides within ten working days. A refusal names its reason."
    ),
    (
        "The library lends microscopes, tents and sewing machines as well as books. Anyone with a card may borrow "
        "three things for three weeks; a late return costs one crown a day, and nothing for children."
    ),
    (
        "Vaccines against measles protect about ninety-seven people in a hundred after two doses. The remaining three "
        "depend on the people around them, which is why coverage below ninety-five per cent leads to outbreaks."
    ),
    (
        "An index is immutable. A change makes a new version beside the old one, and an alias says which version is "
        "served. Rolling back moves the alias; no file is rewritten, and every answer can be traced to its version."
    ),
    # Code, configuration, logs
    "def mean(values):\n    return sum(values) / len(values)",
    "SELECT owner, COUNT(*) FROM documents WHERE reviewed_at < '2024-01-01' GROUP BY owner ORDER BY 2 DESC;",
    "for (let i = 0; i < rows.length; i++) { total += rows[i].price * rows[i].quantity; }",
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: catalogue\nspec:\n  ports:\n    - port: 8080",
    "ERROR 2024-11-03T04:12:55Z worker-7 connection refused: db-primary:5432 (attempt 3 of 5)",
    "git rebase --interactive HEAD~4 && git push --force-with-lease",
    "fn area(w: f64, h: f64) -> f64 { w * h }",
    '{"id": 4711, "status": "open", "tags": ["billing", "urgent"], "amount": 129.90}',
    "#!/bin/sh\nset -eu\ntar -czf backup-$(date +%F).tar.gz /srv/data",
    "<table><tr><th>Part</th><th>Torque</th></tr><tr><td>M6</td><td>9.5 Nm</td></tr></table>",
    "raise ValueError(f'expected {width} columns, found {len(row)}')",
    "E = m c^2; \\frac{d}{dx} \\sin x = \\cos x; \\sum_{k=1}^{n} k = n(n+1)/2",
    # Numbers, dates, codes, marks
    "1 2 3 5 8 13 21 34 55 89 144",
    "3.14159265358979323846",
    "2021-07-14 | 2022-07-14 | 2023-07-14",
    "ISBN 978-3-16-148410-0, DOI 10.1000/182, RFC 2119",
    "+49 30 123456, extension 42, office 7.114, Monday to Friday 09:00-16:30",
    "| quarter | revenue | margin |\n| Q1 | 1,204,000 | 12.4 % |\n| Q2 | 1,377,500 | 13.1 % |",
    "ALL CAPITAL LETTERS ARE HARD TO READ",
    "... --- ... !!! ??? ;;; %%% @@@",
    "🙂 ☂ ✈ → ≤ ½ € ™",
    "a\tb\tc\r\n1\t2\t3\r\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "https://example.org/docs/guide.html?lang=en&page=2#install",
    # Languages
    "Die Kündigung muss schriftlich und spätestens drei Monate vor Ablauf erfolgen.",
    "Le train de nuit part à vingt-deux heures du quai numéro sept.",
    "La lluvia retrasó la cosecha, pero el precio del trigo no cambió.",
    "A chave da sala de servidores fica com o porteiro da noite.",
    "Il museo è chiuso il lunedì, tranne nei giorni festivi.",
    "De vergadering is verplaatst naar donderdag om half elf.",
    "Sähkökatko kesti kaksi tuntia ja koski koko kaupunginosaa.",
    "Faktura musi zawierać numer identyfikacyjny nabywcy.",
    "Отчёт нужно сдать до конца рабочего дня в пятницу.",
    "会议改到下周二上午九点，请提前准备材料。",  # noqa: RUF001 - Chinese punctuation
    "この機械は週に一度、油を差してください。",
    "يجب تجديد جواز السفر قبل ستة أشهر من انتهاء صلاحيته.",
    "आवेदन की अंतिम तिथि अगले महीने की दस तारीख है।",
    # Long, the second and third beyond the window of small models
    " ".join(
        f"Step {step}: loosen screw {step}, lift plate {step} by {2 * step} millimetres and check seal {step}."
        for step in range(1, 13)
    ),
    " ".join(
        f"In year {1900 + 7 * turn} the harbour handled {311 * turn} ships, most of them carrying timber and salt."
        for turn in range(1, 16)
    ),
    " ".join(f"Entry {entry}: room {100 + entry}, key {entry * 37 % 101}." for entry in range(1, 49)),
)
