"""What stands on one page of a PDF, in the order it is painted: text, paths, images, forms unfolded.

A thin layer over pdfium's page objects; boxes are in the page's own coordinates. It judges nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Matrix = tuple[float, float, float, float, float, float]

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
MAX_OBJECTS = 200_000
"""Objects of one page that are looked at."""
_MAX_DEPTH = 12
_MAX_CHARACTERS = 20_000
_KINDS = {
    pdfium.FPDF_PAGEOBJ_TEXT: "text", pdfium.FPDF_PAGEOBJ_PATH: "path", pdfium.FPDF_PAGEOBJ_IMAGE: "image",
    pdfium.FPDF_PAGEOBJ_SHADING: "shading", pdfium.FPDF_PAGEOBJ_FORM: "form",
}  # fmt: skip
_OPAQUE = 250


@dataclass(slots=True)
class Item:
    """One painted object: text, or what covers or backs it with an opaque colour or a picture.

    Attributes:
        kind: `text`, `path`, `image` or `shading`.
        handle: pdfium's object.
        box: Where it stands.
        order: Its turn in painting.
        fill: Red, green, blue, alpha in 0 to 255.
        scale: How much its form and matrix enlarge it, in height and in width.
        in_layer: Whether it belongs to an optional content group.
        marks: How many marks of marked content are around it.
    """

    kind: str
    handle: Any
    box: Box
    order: int
    fill: tuple[int, int, int, int]
    scale: tuple[float, float]
    in_layer: bool
    marks: int = 0


class _Probe:
    """Asks pdfium about objects, with one set of buffers for a whole page."""

    def __init__(self) -> None:
        self._floats = tuple(ctypes.c_float() for _ in range(4))
        self._parts = tuple(ctypes.c_uint() for _ in range(4))
        self._modes = (ctypes.c_int(), ctypes.c_int())
        self._matrix = pdfium.FS_MATRIX()

    def box(self, handle: Any, outer: Matrix) -> Box | None:
        """Returns where an object stands on the page."""
        left, bottom, right, top = self._floats
        if not pdfium.FPDFPageObj_GetBounds(handle, left, bottom, right, top):
            return None
        box = (left.value, bottom.value, right.value, top.value)
        if outer == IDENTITY:
            return box
        corners = [_apply(outer, x, y) for x in box[::2] for y in box[1::2]]
        across, along = [corner[0] for corner in corners], [corner[1] for corner in corners]
        return min(across), min(along), max(across), max(along)

    def matrix(self, handle: Any) -> Matrix:
        """Returns the matrix of an object."""
        found = self._matrix
        if not pdfium.FPDFPageObj_GetMatrix(handle, found):
            return IDENTITY
        return found.a, found.b, found.c, found.d, found.e, found.f

    def fill(self, handle: Any) -> tuple[int, int, int, int]:
        """Returns the colour that fills an object."""
        red, green, blue, alpha = self._parts
        if not pdfium.FPDFPageObj_GetFillColor(handle, red, green, blue, alpha):
            return 0, 0, 0, 255
        return red.value, green.value, blue.value, alpha.value

    def is_filled(self, handle: Any) -> bool:
        """Whether a path is filled, not only drawn."""
        mode, stroke = self._modes
        pdfium.FPDFPath_GetDrawMode(handle, mode, stroke)
        return bool(mode.value != pdfium.FPDF_FILLMODE_NONE)


def items(page: Any) -> list[Item]:
    """Returns text and what can cover or back it, in the order of painting; nothing for a page without text."""
    found = list(_painted(page))
    if not any(kind == "text" for kind, *_ in found):
        return []
    probe = _Probe()
    made = (_item(probe, *each) for each in found)
    return [item for item in made if item is not None]


def _painted(page: Any) -> Iterator[tuple[str, Any, int, Matrix, bool]]:
    """Yields kind, object, turn, matrix and whether it is in a layer; forms are unfolded."""
    probe = _Probe()
    count = min(pdfium.FPDFPage_CountObjects(page), MAX_OBJECTS)
    stack = [(pdfium.FPDFPage_GetObject(page, at), IDENTITY, 0, False) for at in range(count)][::-1]
    order = 0
    while stack and order < MAX_OBJECTS:
        handle, outer, depth, in_layer = stack.pop()
        kind = _KINDS.get(pdfium.FPDFPageObj_GetType(handle), "")
        order += 1
        if kind != "form":
            if kind:
                yield kind, handle, order, outer, in_layer
            continue
        if depth < _MAX_DEPTH:
            inner = _times(probe.matrix(handle), outer)
            layered = in_layer or "OC" in marks(handle)
            count = min(pdfium.FPDFFormObj_CountObjects(handle), MAX_OBJECTS)
            children = (pdfium.FPDFFormObj_GetObject(handle, at) for at in range(count))
            stack.extend([(child, inner, depth + 1, layered) for child in children][::-1])


def _item(probe: _Probe, kind: str, handle: Any, order: int, outer: Matrix, in_layer: bool) -> Item | None:  # noqa: FBT001
    if kind == "path" and not probe.is_filled(handle):
        return None
    fill = probe.fill(handle) if kind in ("path", "text") else (0, 0, 0, 255)
    if kind == "path" and fill[3] < _OPAQUE:
        return None
    box = probe.box(handle, outer)
    if box is None:
        return None
    if kind != "text":
        return Item(kind, handle, box, order, fill, (1.0, 1.0), in_layer)
    marked = pdfium.FPDFPageObj_CountMarks(handle)
    layered = in_layer or (marked > 0 and "OC" in marks(handle))
    return Item(kind, handle, box, order, fill, _scale(_times(probe.matrix(handle), outer)), layered, marked)


def marks(handle: Any) -> list[str]:
    """Returns the names of the marked content around an object."""
    found = []
    for at in range(min(pdfium.FPDFPageObj_CountMarks(handle), 20)):
        mark = pdfium.FPDFPageObj_GetMark(handle, at)
        found.append(
            _wide(lambda buffer, size, out, mark=mark: pdfium.FPDFPageObjMark_GetName(mark, buffer, size, out))
        )
    return found


def actual_text(handle: Any) -> tuple[str, Any]:
    """Returns the replacement text that marked content gives an object, and the mark; empty and None for none."""
    for at in range(min(pdfium.FPDFPageObj_CountMarks(handle), 20)):
        mark = pdfium.FPDFPageObj_GetMark(handle, at)
        said = _wide(
            lambda buffer, size, out, mark=mark: pdfium.FPDFPageObjMark_GetParamStringValue(
                mark, b"ActualText", buffer, size, out
            )
        )
        if said:
            return said, mark
    return "", None


def text_of(handle: Any, textpage: Any) -> str:
    """Returns the characters of a text object as the text page gives them."""
    size = pdfium.FPDFTextObj_GetText(handle, textpage, None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * min(size // 2 + 1, _MAX_CHARACTERS))()
    pdfium.FPDFTextObj_GetText(handle, textpage, buffer, len(buffer) * 2)
    return bytes(buffer).decode("utf-16-le", "replace").split("\x00")[0]


def texts_by_object(textpage: Any) -> dict[int, str]:
    """Returns the characters of every text object of a page, by the address of the object, in one pass.

    Asking for one object walks the whole page; for many objects this is the way.
    """
    parts: dict[int, list[str]] = {}
    for at in range(min(pdfium.FPDFText_CountChars(textpage), MAX_OBJECTS)):
        handle = pdfium.FPDFText_GetTextObject(textpage, at)
        if handle:
            number = pdfium.FPDFText_GetUnicode(textpage, at)
            parts.setdefault(address(handle), []).append(chr(number) if 0 < number < 0x110000 else "")
    return {
        key: "".join(part).encode("utf-16", "surrogatepass").decode("utf-16", "replace") for key, part in parts.items()
    }


def address(handle: Any) -> int:
    """Returns what tells an object from others while its page is open."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def font_size(handle: Any) -> float:
    """Returns the nominal size of a text object."""
    size = ctypes.c_float()
    return float(size.value) if pdfium.FPDFTextObj_GetFontSize(handle, size) else 0.0


def clip_box(handle: Any) -> Box | None:
    """Returns the box that clips an object, in the coordinates of its parent; None where nothing does."""
    path = pdfium.FPDFPageObj_GetClipPath(handle)
    if not path:
        return None
    box: Box | None = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for number in range(min(pdfium.FPDFClipPath_CountPaths(path), 8)):
        count = pdfium.FPDFClipPath_CountPathSegments(path, number)
        if not 0 < count <= 12:
            continue
        points = []
        for at in range(count):
            segment = pdfium.FPDFClipPath_GetPathSegment(path, number, at)
            pdfium.FPDFPathSegment_GetPoint(segment, x, y)
            points.append((x.value, y.value))
        own = (
            min(p[0] for p in points),
            min(p[1] for p in points),
            max(p[0] for p in points),
            max(p[1] for p in points),
        )
        box = (
            own if box is None else (max(box[0], own[0]), max(box[1], own[1]), min(box[2], own[2]), min(box[3], own[3]))
        )
    return box


def _wide(ask: Any) -> str:
    """Asks pdfium for a UTF-16 string: once for its size, once for itself."""
    needed = ctypes.c_ulong()
    ask(None, 0, needed)
    if needed.value <= 2:
        return ""
    buffer = (ctypes.c_ushort * (min(needed.value, 2 * _MAX_CHARACTERS) // 2))()
    ask(buffer, len(buffer) * 2, needed)
    return bytes(buffer).decode("utf-16-le", "replace").rstrip("\x00")


def _times(first: Matrix, then: Matrix) -> Matrix:
    if then == IDENTITY:
        return first
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _scale(matrix: Matrix) -> tuple[float, float]:
    a, b, c, d, _, _ = matrix
    return (c * c + d * d) ** 0.5, (a * a + b * b) ** 0.5
