"""Text of a Word document that a person does not see in it, and text beside its body.

WordprocessingML (ECMA-376, part 1): run properties are resolved through character, paragraph and default styles.
No entity is resolved, no part beyond a size is read.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from provenance.visibility import colours
from provenance.visibility.html import Page
from provenance.visibility.passage import Habit, Passage, clean

Worth = Callable[[str], bool]

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
VML = "{urn:schemas-microsoft-com:vml}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
MAX_PART = 50_000_000
"""Bytes of one part that are read; the text of a long book is a tenth of it."""
MAX_ALL = 150_000_000
_MAX_PARTS = 2_000
TINY_HALF_POINTS = 4
_DEPTH = 12
_OFF = frozenset({"0", "false", "off", "none"})
_BODY = re.compile(r"word/(?:document|header\d*|footer\d*|footnotes|endnotes)\.xml\Z")
_COMMENTS = re.compile(r"word/comments\w*\.xml\Z")
_BESIDE = re.compile(r"(?:customXml/item\d+|docProps/\w+|word/settings|word/glossary/document)\.xml\Z")
_DELETED = (f"{W}del", f"{W}moveFrom")
_EMU_FAR = 7_000_000
"""Offset from its column or margin at which a box is off any page: 19 cm; A4 is 21 cm wide."""
_VML_FAR = re.compile(r"margin-(?:left|top)\s*:\s*-(\d+(?:\.\d+)?)(pt|in|cm|px)?")
_POINTS = {"pt": 1.0, "in": 72.0, "cm": 28.3, "px": 0.75, "": 0.75}


class PartTooLarge(ValueError):
    """A part of the document is larger than is read."""


@dataclass(frozen=True, slots=True)
class _Face:
    """How the letters of a run look; None where nothing is said."""

    vanish: bool | None = None
    colour: str | None = None
    back: str | None = None
    size: int | None = None
    width: int | None = None

    def over(self, below: _Face) -> _Face:
        """Returns this face with what it leaves open taken from another."""
        pairs = {name: getattr(self, name) for name in ("vanish", "colour", "back", "size", "width")}
        return replace(below, **{name: value for name, value in pairs.items() if value is not None})


@dataclass(slots=True)
class _Styles:
    """The styles of one document, resolved when asked for."""

    faces: Mapping[str, _Face] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    default: _Face = field(default_factory=_Face)
    default_paragraph: str = ""
    shaded_tables: frozenset[str] = frozenset()

    def of(self, name: str | None) -> _Face:
        """Returns the face of a style with those that it is based on; a cycle ends after some steps."""
        face = _Face()
        for _ in range(_DEPTH):
            if not name or name not in self.faces:
                break
            face = face.over(self.faces[name])
            name = self.parents.get(name)
        return face


def read_docx(data: bytes, worth: Worth) -> Page:
    """Takes a Word document apart into what is seen and what is hidden.

    Args:
        data: The bytes of the archive.
        worth: As in `read_page`.

    Raises:
        PartTooLarge: A part is larger than is read.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = _parts(archive)
    styles = _read_styles(parts.get("word/styles.xml"))
    page_back = _page_colour(parts.get("word/document.xml"))
    seen: list[str] = []
    hidden: list[Passage] = []
    for name, root in parts.items():
        if _BODY.fullmatch(name):
            hidden += _read_body(name, root, styles, page_back, seen)
        elif _COMMENTS.fullmatch(name):
            hidden += _whole("comment", name, root)
        elif _BESIDE.fullmatch(name):
            hidden += _whole("custom_xml" if name.startswith("customXml") else "properties", name, root)
    kept = (item for item in hidden if item.habit is not Habit.USUAL or worth(item.text))
    return Page(tuple(seen), tuple(kept))


def _parts(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Parses the parts that hold text, the document first."""
    from lxml import etree  # noqa: PLC0415 - most runs read no such file

    parts: dict[str, Any] = {}
    total = 0
    members = [info for info in archive.infolist() if _is_read(info.filename)]
    if len(members) > _MAX_PARTS:
        raise PartTooLarge(f"the file has {len(members)} parts that hold text; at most {_MAX_PARTS} are read")
    for info in sorted(members, key=lambda info: (info.filename != "word/document.xml", info.filename)):
        with archive.open(info) as stream:
            data = stream.read(MAX_PART + 1)
        total += len(data)
        if len(data) > MAX_PART or total > MAX_ALL:
            raise PartTooLarge(f"{info.filename[:80]} unpacks to more than is read ({MAX_PART} bytes a part)")
        reader = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
        root = etree.fromstring(data, reader)
        if root is not None:
            parts[info.filename] = root
    return parts


def _is_read(name: str) -> bool:
    wanted = (_BODY, _COMMENTS, _BESIDE)
    return name == "word/styles.xml" or any(pattern.fullmatch(name) for pattern in wanted)


def _read_styles(root: Any) -> _Styles:
    if root is None:
        return _Styles()
    faces: dict[str, _Face] = {}
    parents: dict[str, str] = {}
    default_paragraph = ""
    shaded: set[str] = set()
    for style in root.iter(f"{W}style"):
        name = style.get(f"{W}styleId") or ""
        faces[name] = _face(style.find(f"{W}rPr")).over(_face(style.find(f"{W}pPr")))
        based = style.find(f"{W}basedOn")
        if based is not None:
            parents[name] = based.get(f"{W}val") or ""
        if style.get(f"{W}type") == "paragraph" and style.get(f"{W}default") in ("1", "true"):
            default_paragraph = name
        if style.get(f"{W}type") == "table" and next(style.iter(f"{W}shd"), None) is not None:
            shaded.add(name)
    default = _face(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr"))
    return _Styles(faces, parents, default, default_paragraph, frozenset(shaded))


def _face(properties: Any) -> _Face:
    if properties is None:
        return _Face()
    vanish = _flag(properties, "vanish") or _flag(properties, "specVanish")
    colour = properties.find(f"{W}color")
    shade = properties.find(f"{W}shd")
    highlight = properties.find(f"{W}highlight")
    back = _value(highlight, "val") if highlight is not None else _value(shade, "fill")
    return _Face(
        vanish=vanish,
        colour=_theme(colour) or _value(colour, "val"),
        back=back if back not in ("auto", "none") else None,
        size=_number(properties.find(f"{W}sz")),
        width=_number(properties.find(f"{W}w")),
    )


def _theme(colour: Any) -> str | None:
    """Returns white or black where a colour is that of the page in the theme, not tinted."""
    named = colour.get(f"{W}themeColor") if colour is not None else None
    tinted = colour is not None and (colour.get(f"{W}themeShade") or colour.get(f"{W}themeTint"))
    return "FFFFFF" if named in ("background1", "light1") and not tinted else None


def _flag(properties: Any, name: str) -> bool | None:
    found = properties.find(f"{W}{name}")
    return None if found is None else (found.get(f"{W}val") or "1").lower() not in _OFF


def _value(element: Any, name: str) -> str | None:
    return None if element is None else element.get(f"{W}{name}")


def _number(element: Any) -> int | None:
    value = _value(element, "val") or ""
    return int(value) if value.isdigit() and len(value) < 9 else None


def _page_colour(root: Any) -> str:
    found = None if root is None else root.find(f"{W}background")
    value = _value(found, "color")
    return value if value and value != "auto" else "FFFFFF"


def _read_body(part: str, root: Any, styles: _Styles, page_back: str, seen: list[str]) -> Iterator[Passage]:
    for number, paragraph in enumerate(root.iter(f"{W}p"), 1):
        if _is_fallback(paragraph):
            continue
        place = f"{part.removeprefix('word/').removesuffix('.xml')} paragraph {number}"
        around = _Around.of(paragraph, styles, page_back)
        group: list[str] = []
        last = ""
        for run, text in _runs(paragraph):
            technique = _technique(run, around, styles)
            if technique != last and group:
                yield from _said(last, place, group, seen)
                group = []
            last = technique
            group.append(text)
        yield from _said(last, place, group, seen)
        yield from _deleted(paragraph, place)
        yield from _fields(paragraph, place)
        yield from _alternatives(paragraph, place)


def _said(technique: str, place: str, group: list[str], seen: list[str]) -> Iterator[Passage]:
    text = clean("".join(group))
    if not text:
        return
    if technique:
        yield Passage(technique=technique, place=place, text=text, before=len(seen))
    else:
        seen.append(text)


@dataclass(frozen=True, slots=True)
class _Around:
    """What the surroundings of a paragraph say of its letters."""

    face: _Face
    back: str | None
    off_page: bool

    @classmethod
    def of(cls, paragraph: Any, styles: _Styles, page_back: str) -> _Around:
        """Looks at the paragraph's style, its shading, the cell, the table and the box that hold it."""
        properties = paragraph.find(f"{W}pPr")
        named = _value(properties.find(f"{W}pStyle") if properties is not None else None, "val")
        face = styles.of(named or styles.default_paragraph).over(styles.default)
        shade = _value(properties.find(f"{W}shd"), "fill") if properties is not None else None
        back: str | None = shade or face.back or page_back
        off_page = False
        for outer in paragraph.iterancestors():
            if outer.tag == f"{W}tc" and shade is None:
                back = _value(outer.find(f"{W}tcPr/{W}shd"), "fill") or back
            elif outer.tag == f"{W}tbl":
                table = _value(outer.find(f"{W}tblPr/{W}tblStyle"), "val") or ""
                back = None if _is_shaded(table, styles) and back == page_back else back
            elif outer.tag == f"{W}txbxContent":
                back = None if shade is None else back
            elif outer.tag in (f"{WP}anchor", f"{VML}shape", f"{VML}rect", f"{VML}textbox"):
                off_page = off_page or _is_off_page(outer)
        return cls(face, None if back == "auto" else back, off_page)


def _is_shaded(table: str, styles: _Styles) -> bool:
    for _ in range(_DEPTH):
        if table in styles.shaded_tables:
            return True
        table = styles.parents.get(table, "")
    return False


def _is_off_page(holder: Any) -> bool:
    for offset in holder.iterfind(f"*/{WP}posOffset"):
        value = (offset.text or "").strip()
        if value.lstrip("-").isdigit() and (int(value[:12]) <= -_EMU_FAR or int(value[:12]) >= 4 * _EMU_FAR):
            return True
    return any(
        float(number) * _POINTS.get(unit, 1.0) >= 500 for number, unit in _VML_FAR.findall(holder.get("style") or "")
    )


def _runs(paragraph: Any) -> Iterator[tuple[Any, str]]:
    """Yields the runs of a paragraph with their text, those of boxes inside it and deleted ones left out."""
    for run in paragraph.iter(f"{W}r"):
        outer = run.getparent()
        while outer is not None and outer.tag not in (f"{W}p", *_DELETED):
            outer = outer.getparent()
        if outer is not paragraph:
            continue
        text = "".join(
            "\t" if child.tag == f"{W}tab" else "\n" if child.tag == f"{W}br" else child.text or ""
            for child in run.iterchildren(f"{W}t", f"{W}tab", f"{W}br")
        )
        if text:
            yield run, text


def _technique(run: Any, around: _Around, styles: _Styles) -> str:
    if around.off_page:
        return "off_page"
    properties = run.find(f"{W}rPr")
    named = _value(properties.find(f"{W}rStyle") if properties is not None else None, "val")
    face = _face(properties).over(styles.of(named)).over(around.face)
    if face.vanish:
        return "vanish"
    if (face.size is not None and face.size <= TINY_HALF_POINTS) or (face.width is not None and face.width <= 3):
        return "font_size"
    back = _face(properties).back or styles.of(named).back or around.back
    front = colours.parse(_css(face.colour)) if face.colour and face.colour != "auto" else None
    behind = colours.parse(_css(back)) if back else None
    if front is None or behind is None:
        return ""
    return "" if colours.is_seen(front, behind[:3]) else "colour"


def _css(value: str) -> str:
    return f"#{value}" if re.fullmatch(r"[0-9A-Fa-f]{6}", value) else value.lower()


def _deleted(paragraph: Any, place: str) -> Iterator[Passage]:
    words = ["".join(run.itertext(f"{W}delText")) for run in paragraph.iter(f"{W}del")]
    yield from _usual("deleted", place, words)
    moved = ["".join(run.itertext(f"{W}t", f"{W}delText")) for run in paragraph.iter(f"{W}moveFrom")]
    yield from _usual("deleted", place, moved)


def _fields(paragraph: Any, place: str) -> Iterator[Passage]:
    codes = ["".join(paragraph.itertext(f"{W}instrText"))]
    codes += [field.get(f"{W}instr") or "" for field in paragraph.iter(f"{W}fldSimple")]
    yield from _usual("field_code", place, codes)


def _alternatives(paragraph: Any, place: str) -> Iterator[Passage]:
    for shape in paragraph.iter(f"{WP}docPr", f"{VML}shape", f"{VML}rect", "{*}cNvPr"):
        said = [shape.get(name) or "" for name in ("descr", "title", "alt")]
        yield from _usual("alt", place, said)


def _whole(technique: str, name: str, root: Any) -> Iterator[Passage]:
    """Yields the text of a part, paragraph by paragraph where it has paragraphs."""
    if technique == "comment":
        for number, item in enumerate(root.iter(f"{W}comment"), 1):
            yield from _usual(technique, f"comment {number}", ["".join(item.itertext(f"{W}t"))])
        return
    words = [*root.itertext()]
    words += [value for element in root.iter() for value in element.attrib.values() if " " in value]
    yield from _usual(technique, name, words)


def _usual(technique: str, place: str, words: Sequence[str]) -> Iterator[Passage]:
    text = clean(" ".join(word for word in words if word))
    if text:
        yield Passage(technique=technique, place=place, text=text, habit=Habit.USUAL)


def _is_fallback(paragraph: Any) -> bool:
    """Whether a paragraph is the copy for old programs of what stands beside it."""
    return next(paragraph.iterancestors(f"{MC}Fallback"), None) is not None
