"""Text of a PDF that a person does not see on its pages, and text beside the pages.

What looks suspicious by its numbers (colour, size, order of painting, layer, clip) is put to the proof: the page
is painted with and without it, and where no pixel changes, nobody saw it. Text of an invisible mode over a
scanned page is an OCR layer as long as there is ink under it. Everything is bounded: pages, objects, paintings.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.visibility import colours, pdfobjects
from provenance.visibility.html import Page
from provenance.visibility.passage import Habit, Passage, clean, is_prose
from provenance.visibility.pdfobjects import Box, Item
from provenance.visibility.reached import Reading, key

Worth = Callable[[str], bool]

MAX_PAGES = 1_000
MAX_PAINTINGS = 40
"""Pages of one document that are painted for proof; pages whose words are worth notice go first."""
TINY_PT = 1.5
"""Height of letters that nobody reads on paper: footnotes have 6 points, fine print 4."""
_FAINT = 1.6
"""Contrast below which a painting decides whether letters are seen."""
_LEAST_CHANGE = 24
"""Change of a pixel that an eye can tell (of 255): #eee on white is 17, #ddd 34."""
_PAINT_SCALE = 1.5
_MANY = 50
"""Suspects of one page from which the text is taken for all objects at once."""
_MAX_PIXELS = 6_000_000
_SCAN = 0.5
"""Share of the page that a picture must fill to be a scan."""
_COVERED = 0.8
_INVISIBLE_MODES = (3, 7)  # ISO 32000-1, table 106: neither fill nor stroke; add to the clip only
_MAX_REVISIONS = 4
_MAX_REVISION_BYTES = 20_000_000
_EOF = re.compile(rb"%%EOF[\r\n]*")
_WORD = re.compile(r"\w+")
_SAME = 0.7
"""Share of the words of a replacement that must be drawn on its page too."""
_XMP = re.compile(rb"<x:xmpmeta.{0,200000}?</x:xmpmeta>", re.DOTALL)
_TAG = re.compile(r"<[^>]{0,2000}>")
_MAX_ATTACHMENT = 1_000_000
_HIDDEN_FLAGS = 2 | 32  # hidden, no view (ISO 32000-1, table 165)

Pixels = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Suspect:
    """Text that may be hidden."""

    item: Item
    technique: str
    text: str
    proof: bool
    """Whether a painting must show that nothing is seen."""


@dataclass(slots=True)
class _Leaf:
    """One page with what is suspicious on it."""

    number: int
    suspects: list[_Suspect] = field(default_factory=list)
    is_scan: bool = False
    is_marked: bool = False
    notes: list[Passage] = field(default_factory=list)


def read_pdf(data: bytes, text: str, worth: Worth) -> Page:
    """Takes a PDF apart.

    Args:
        data: Its bytes.
        text: The text that was extracted.
        worth: As in `read_page`.
    """
    import pypdfium2  # noqa: PLC0415 - most runs read no PDF

    document = pypdfium2.PdfDocument(data)
    try:
        pages = range(min(len(document), MAX_PAGES))
        leaves = [_leaf(document, number) for number in pages]
        notes = ["pages_unchecked"] if len(document) > MAX_PAGES else []
        notes += ["ocr_layer"] if any(leaf.is_scan for leaf in leaves) else []
        notes += ["pages_unpainted"] if sum(map(_needs_proof, leaves)) > MAX_PAINTINGS else []
        unseen = _without_twins(list(_proved(document, leaves, worth)), text)
        hidden = [passage for leaf, suspects in unseen for passage in _passages(leaf, suspects)]
        hidden += _replaced(document, leaves)
        beside = [item for item in _beside(document, leaves, data, text) if worth(item.text)]
    finally:
        document.close()
    return Page((), (*hidden, *beside), tuple(notes))


def _without_twins(found: Sequence[tuple[_Leaf, list[_Suspect]]], text: str) -> Iterator[tuple[_Leaf, list[_Suspect]]]:
    """Yields what stands nowhere in the text but where it is hidden: a visible twin says the same."""
    reading = Reading(text)
    counts = Counter(key(suspect.text) for _, suspects in found for suspect in suspects)
    occurring = {name: reading.count(name) for name in counts}
    for leaf, suspects in found:
        yield leaf, [each for each in suspects if occurring[key(each.text)] <= counts[key(each.text)]]


def _leaf(document: Any, number: int) -> _Leaf:
    leaf = _Leaf(number)
    page = document[number]
    try:
        painted = list(pdfobjects.items(page))
        visible = page.get_bbox()
        leaf.notes = list(_annotations(page, number))
        leaf.is_marked = any(item.marks and pdfobjects.actual_text(item.handle)[0] for item in painted)
        lids = _Lids([item for item in painted if item.kind != "text"])
        pictures = [item.box for item in painted if item.kind == "image" and _share(visible, item.box) >= _SCAN]
        scan = pictures[0] if pictures else None
        found = [(item, name) for item in painted if item.kind == "text" and (name := _suspicion(item, visible, lids))]
        if found:
            textpage = page.get_textpage()
            texts = pdfobjects.texts_by_object(textpage) if len(found) > _MANY else None
            leaf.suspects = [_suspect(item, name, textpage, texts) for item, name in found]
            textpage.close()
        modes = [item for item in leaf.suspects if item.technique == "render_mode"]
        leaf.is_scan = scan is not None and bool(modes)
        for suspect in modes:
            over_scan = scan is not None and _share(suspect.item.box, scan) >= _COVERED
            suspect.technique = "ocr_layer" if over_scan else "render_mode"
            suspect.proof = over_scan
    finally:
        page.close()
    return leaf


class _Lids:
    """Filled objects of a page, asked which of them lie over or under a box."""

    def __init__(self, lids: Sequence[Item]) -> None:
        self._lids = lids
        self._boxes = np.array([lid.box for lid in lids], dtype=np.float64).reshape(-1, 4)

    def around(self, box: Box) -> list[Item]:
        """Returns those that hold nearly all of a box, in the order of painting."""
        if not self._lids:
            return []
        left, bottom, right, top = box
        width, height = max(right - left, 1e-6), max(top - bottom, 1e-6)
        across = np.minimum(self._boxes[:, 2], right) - np.maximum(self._boxes[:, 0], left)
        along = np.minimum(self._boxes[:, 3], top) - np.maximum(self._boxes[:, 1], bottom)
        share = np.clip(across, 0, None) * np.clip(along, 0, None) / (width * height)
        return [self._lids[at] for at in np.flatnonzero(share >= _COVERED).tolist()]


def _suspect(item: Item, name: str, textpage: Any, texts: Mapping[int, str] | None) -> _Suspect:
    if texts is None:
        said = pdfobjects.text_of(item.handle, textpage)
    else:
        said = texts.get(pdfobjects.address(item.handle), "")
    return _Suspect(item, name, said, proof=name not in ("render_mode", "font_size", "text_matrix", "outside_page"))


def _suspicion(item: Item, visible: Box, lids: _Lids) -> str:
    """Returns what speaks against a text being seen, empty where nothing does."""
    import pypdfium2.raw as pdfium  # noqa: PLC0415 - as above

    if pdfium.FPDFTextObj_GetTextRenderMode(item.handle) in _INVISIBLE_MODES:
        return "render_mode"
    if not _meet(item.box, visible):
        return "outside_page"
    size = pdfobjects.font_size(item.handle)
    height, width = abs(size * item.scale[0]), abs(size * item.scale[1])
    if size and min(height, width) < TINY_PT:
        return "text_matrix" if size >= TINY_PT else "font_size"
    if item.in_layer:
        return "layer"
    if (clip := pdfobjects.clip_box(item.handle)) is not None and not _meet(item.box, clip):
        return "clip"
    return _by_colour(item, lids)


def _by_colour(item: Item, lids: _Lids) -> str:
    red, green, blue, alpha = (part / 255 for part in item.fill)
    front = (red, green, blue, alpha)
    beneath = lids.around(item.box)
    if any(lid.order > item.order for lid in beneath):
        return "covered"
    if _is_faint(front, colours.WHITE):
        return "colour"
    before = [lid for lid in beneath if lid.order < item.order]
    if not before:
        return ""
    last = before[-1]
    if last.kind != "path":
        return "colour" if last.kind == "image" else ""
    back = (last.fill[0] / 255, last.fill[1] / 255, last.fill[2] / 255)
    return "colour" if _is_faint(front, back) else ""


def _is_faint(front: colours.Rgba, back: colours.Rgb) -> bool:
    return colours.contrast(colours.over(front, back), back) < _FAINT


def _proved(document: Any, leaves: Sequence[_Leaf], worth: Worth) -> Iterator[tuple[_Leaf, list[_Suspect]]]:
    """Yields what is hidden, page by page; pages beyond the number of paintings count only for what they say."""
    doubtful = [leaf for leaf in leaves if _says_something([each for each in leaf.suspects if each.proof], worth)]
    doubtful.sort(key=lambda leaf: (not worth(_words(leaf.suspects)), leaf.number))
    painted = {leaf.number for leaf in doubtful[:MAX_PAINTINGS]}
    for leaf in leaves:
        if not leaf.suspects:
            continue
        if leaf.number in painted:
            yield leaf, _unseen(document, leaf)
        else:
            yield leaf, [suspect for suspect in leaf.suspects if not suspect.proof]


def _needs_proof(leaf: _Leaf) -> bool:
    return is_prose(clean(_words([each for each in leaf.suspects if each.proof])))


def _says_something(suspects: Sequence[_Suspect], worth: Worth) -> bool:
    """Whether words that need proof could matter at all: labels of a drawing are not worth a painting."""
    words = clean(_words(suspects)) if suspects else ""
    return is_prose(words) or worth(words)


def _unseen(document: Any, leaf: _Leaf) -> list[_Suspect]:
    """Returns the suspects that nobody sees: those that leave the painted page as it is."""
    page = document[leaf.number]
    try:
        with_all = _paint(page)
        fresh = {item.order: item for item in pdfobjects.items(page) if item.kind == "text"}
        for suspect in leaf.suspects:
            if suspect.proof and suspect.technique != "ocr_layer" and suspect.item.order in fresh:
                _switch_off(fresh[suspect.item.order])
        doubted = any(each.proof and each.technique != "ocr_layer" for each in leaf.suspects)
        without = _paint(page) if doubted else with_all
        visible, rotation = page.get_bbox(), page.get_rotation()
    finally:
        page.close()
    if rotation:
        visible_first, without_first = (np.rot90(each, rotation // 90) for each in (with_all, without))
    else:
        visible_first, without_first = with_all, without
    return [each for each in leaf.suspects if _is_unseen(each, visible_first, without_first, visible)]


def _is_unseen(suspect: _Suspect, whole: Pixels, without: Pixels, visible: Box) -> bool:
    if not suspect.proof:
        return True
    rows, columns = _region(suspect.item.box, visible, whole.shape)
    part, other = whole[rows, columns], without[rows, columns]
    if part.size == 0:
        return suspect.technique != "ocr_layer"
    if suspect.technique == "ocr_layer":
        return int(part.max()) - int(part.min()) < _LEAST_CHANGE
    return int(np.abs(part - other).max()) < _LEAST_CHANGE


def _paint(page: Any) -> Pixels:
    width, height = page.get_size()
    scale = min(_PAINT_SCALE, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    bitmap = page.render(scale=scale, may_draw_forms=False)
    try:
        return np.asarray(bitmap.to_numpy()).astype(np.int16)
    finally:
        bitmap.close()


def _switch_off(item: Item) -> None:
    import pypdfium2.raw as pdfium  # noqa: PLC0415 - as above

    pdfium.FPDFPageObj_SetIsActive(item.handle, False)  # noqa: FBT003 - a C function


def _region(box: Box, visible: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    left, bottom, right, top = visible
    across, along = shape[1] / max(1e-6, right - left), shape[0] / max(1e-6, top - bottom)
    rows = slice(max(0, int((top - box[3]) * along)), max(0, int((top - box[1]) * along) + 1))
    columns = slice(max(0, int((box[0] - left) * across)), max(0, int((box[2] - left) * across) + 1))
    return rows, columns


def _passages(leaf: _Leaf, suspects: Sequence[_Suspect]) -> Iterator[Passage]:
    """Joins what follows each other on a page and is hidden in one way."""
    group: list[_Suspect] = []
    for suspect in (*suspects, None):
        if group and (suspect is None or suspect.technique != group[-1].technique):
            text = clean(_words(group))
            technique = "render_mode" if group[0].technique == "ocr_layer" else group[0].technique
            if text:
                yield Passage(
                    technique=technique, place=_place(leaf.number, [each.item.box for each in group]), text=text
                )
            group = []
        if suspect is not None:
            group.append(suspect)


def _words(suspects: Sequence[_Suspect]) -> str:
    """Joins pieces of text; glyphs that were set one by one become words again."""
    parts: list[str] = []
    last: Box | None = None
    for suspect in suspects:
        box = suspect.item.box
        height = max(0.1, box[3] - box[1])
        follows = last is not None and abs(box[1] - last[1]) < height / 2 and -height < box[0] - last[2] < height / 5
        parts.append(suspect.text if follows else f" {suspect.text}")
        last = box
    return "".join(parts)


def _place(number: int, boxes: Sequence[Box]) -> str:
    left, bottom = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, top = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return f"page {number + 1} box {left:.0f},{bottom:.0f},{right:.0f},{top:.0f}"


def _replaced(document: Any, leaves: Sequence[_Leaf]) -> Iterator[Passage]:
    """Yields replacement text (ActualText) that says other words than the glyphs it replaces."""
    import pypdfium2.raw as pdfium  # noqa: PLC0415 - as above

    for leaf in leaves:
        if not leaf.is_marked:
            continue
        found: dict[str, list[Box]] = {}
        page = document[leaf.number]
        try:
            for item in pdfobjects.items(page):
                said, mark = pdfobjects.actual_text(item.handle) if item.marks else ("", None)
                if mark is not None and is_prose(said):
                    found.setdefault(said, []).append(item.box)
                    pdfium.FPDFPageObj_RemoveMark(item.handle, mark)
            drawn = _all_text(page) if found else ""
        finally:
            page.close()
        shown = set(_WORD.findall(drawn.casefold()))
        for said, boxes in found.items():
            words = set(_WORD.findall(said.casefold()))
            if len(words & shown) < _SAME * len(words):
                yield Passage(technique="actual_text", place=_place(leaf.number, boxes), text=clean(said))


def _all_text(page: Any) -> str:
    textpage = page.get_textpage()
    try:
        return str(textpage.get_text_range())
    finally:
        textpage.close()


def _beside(document: Any, leaves: Sequence[_Leaf], data: bytes, text: str) -> Iterator[Passage]:
    """Yields text that a file carries beside its pages: notes, attachments, metadata, earlier revisions."""
    for leaf in leaves:
        yield from leaf.notes
    for attachment in range(min(document.count_attachments(), 50)):
        held = document.get_attachment(attachment)
        said = bytes(held.get_data()[:_MAX_ATTACHMENT]).decode("utf-8", "ignore")
        yield _usual("attachment", f"attachment {held.get_name()[:80]}", said)
    for name, value in document.get_metadata_dict(skip_empty=True).items():
        yield _usual("metadata", f"Info {name}", value)
    for match in _XMP.finditer(data):
        yield _usual("metadata", "XMP", _TAG.sub(" ", match[0].decode("utf-8", "replace")))
    yield from _revisions(data, text)


def _annotations(page: Any, number: int) -> Iterator[Passage]:
    import ctypes  # noqa: PLC0415 - only here

    import pypdfium2.raw as pdfium  # noqa: PLC0415 - as above

    for at in range(min(pdfium.FPDFPage_GetAnnotCount(page), 1_000)):
        note = pdfium.FPDFPage_GetAnnot(page, at)
        if not note:
            continue
        size = min(pdfium.FPDFAnnot_GetStringValue(note, b"Contents", None, 0), 40_000)
        buffer = (ctypes.c_ushort * (size // 2 + 1))()
        pdfium.FPDFAnnot_GetStringValue(note, b"Contents", buffer, size)
        concealed = pdfium.FPDFAnnot_GetFlags(note) & _HIDDEN_FLAGS
        pdfium.FPDFPage_CloseAnnot(note)
        said = bytes(buffer).decode("utf-16-le", "replace").split("\x00")[0]
        if said.strip():
            technique = "hidden_annotation" if concealed else "annotation"
            yield _usual(technique, f"page {number + 1} annotation {at + 1}", said)


def _revisions(data: bytes, text: str) -> Iterator[Passage]:
    """Yields what earlier revisions of an incrementally saved file say and this one does not."""
    import pypdfium2  # noqa: PLC0415 - as above

    ends = [match.end() for match in _EOF.finditer(data)][:-1]
    if not ends or len(data) > _MAX_REVISION_BYTES:
        return
    reading = Reading(text)
    for number, end in enumerate(ends[:_MAX_REVISIONS], 1):
        try:
            earlier = pypdfium2.PdfDocument(data[:end])
            try:
                pages = (_all_text(earlier[at]) for at in range(min(len(earlier), 50)))
                lines = [line for page in pages for line in page.splitlines() if not reading.count(line)]
            finally:
                earlier.close()
        except pypdfium2.PdfiumError:
            continue
        yield _usual("earlier_revision", f"revision {number}", " ".join(lines))


def _usual(technique: str, place: str, said: str) -> Passage:
    return Passage(technique=technique, place=place, text=clean(said), habit=Habit.USUAL)


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _share(inner: Box, outer: Box) -> float:
    """Returns the share of a box that lies in another."""
    across = min(inner[2], outer[2]) - max(inner[0], outer[0])
    along = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return 0.0 if across <= 0 or along <= 0 else across * along / area if area > 0 else 1.0
