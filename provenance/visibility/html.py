"""Text of a web page that a person does not see: by style, by element, in comments and attributes.

The page is laid out as far as hiding goes (`style`) and walked once. What the page's own style sheets do not say
(external sheets, scripts) is not guessed: without them a colour behind the text is unknown and counts little.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from provenance.visibility import colours
from provenance.visibility.css import media_applies, read_sheet
from provenance.visibility.passage import Habit, Passage, clean, is_prose, is_statement
from provenance.visibility.style import Cascade, Look, child_look

Worth = Callable[[str], bool]

_MIN_TEXT = 15
"""Characters below which an attribute or comment says nothing."""
# Elements whose text no browser shows as text, or only where a feature is missing.
_UNSHOWN = {
    "template": "template", "noscript": "noscript", "iframe": "fallback", "object": "fallback", "audio": "fallback",
    "video": "fallback", "canvas": "fallback", "script": "script_data", "datalist": "datalist", "noembed": "fallback",
    "noframes": "fallback", "metadata": "svg_metadata", "desc": "svg_metadata", "param": "fallback",
}  # fmt: skip
_SKIPPED = frozenset({"style", "head", "title", "base", "link", "meta"})
_DATA_SCRIPT = re.compile(
    r"(?!(?:text|application)/(?:java|ecma|x-java|j|live)script|module|importmap)\S", re.IGNORECASE
)
_MACHINE_ATTRIBUTES = frozenset(
    [
        "class",
        "style",
        "href",
        "src",
        "srcset",
        "sizes",
        "d",
        "points",
        "content-type",
        "action",
        "integrity",
        "viewbox",
        "transform",
        "media",
        "rel",
        "type",
        "id",
        "for",
        "name",
        "http-equiv",
        "onclick",
        "onload",
        "onsubmit",
        "onchange",
        "width",
        "height",
    ]
)
_LONG_ATTRIBUTES = f"//@*[string-length() >= {_MIN_TEXT}]"
_HANDLERS = "//@*[starts-with(name(), 'on')][1]"
_OF_TEXT = frozenset({"font_size", "colour", "text_indent"})
# What scripts show and hide as people click: in a page that runs some it says little.
_TOGGLED = frozenset(
    {
        "display",
        "visibility",
        "opacity",
        "zero_box",
        "content_visibility",
        "transform",
        "off_screen",
        "hidden_attribute",
    }
)
_CURTAIN = 0.6
"""Share of a page's text above which hiding it hides the page."""
_TAG = re.compile(r"<[^<>]{0,1000}>")
_MAX_PLACE = 6
_MAX_LIDS = 200
_MAX_SIBLINGS = 100


@dataclass(slots=True)
class _Walk:
    """What was gathered on the way through one page."""

    seen: list[str] = field(default_factory=list)
    hidden: list[tuple[Look, Any, list[str], int]] = field(default_factory=list)
    """Look, element, words, and how many of the seen stretches come before."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """A page taken apart.

    Attributes:
        seen: What a person sees, in order.
        hidden: What a person does not see.
        notes: What else is worth telling, such as `ocr_layer`.
    """

    seen: tuple[str, ...]
    hidden: tuple[Passage, ...]
    notes: tuple[str, ...] = ()


def read_page(source: str, worth: Worth) -> Page:
    """Takes a page apart into what is seen and what is hidden.

    Args:
        source: The page, decoded.
        worth: Whether a text deserves notice for what it says, wherever it stands; labels, comments and attributes
            that say nothing of the kind are left out.

    Returns:
        Both; `Passage.before` counts stretches of `seen` that come before.

    Raises:
        CssTooLarge: A style sheet has more rules than are read.
        TooMuchStyle: The page asks for more matching than is done.
    """
    from lxml import etree  # noqa: PLC0415 - most runs read no page

    reader = etree.HTMLParser(encoding="utf-8", no_network=True, remove_pis=True)
    root = etree.fromstring(source.encode("utf-8", "replace"), reader)
    if root is None:
        return Page((), ())
    walk = _walked(root)
    _without_curtain(root, walk)
    usual = (item for item in _usual(root) if worth(item[2]))
    rest = (
        Passage(technique=name.partition(":")[0], place=_at(element, name), text=text, habit=Habit.USUAL)
        for name, element, text in usual
    )
    return Page(tuple(walk.seen), (*_hidden(root, walk, worth), *rest), tuple(dict.fromkeys(walk.notes)))


def _hidden(root: Any, walk: _Walk, worth: Worth) -> Iterator[Passage]:
    scripted = _is_scripted(root)
    controls: dict[Any, bool] = {}
    for look, element, words, before in walk.hidden:
        text = clean(" ".join(words))
        if not (is_prose(text) or worth(text)):
            continue
        technique = look.technique
        holder = element if look.root is None or technique in _OF_TEXT else look.root
        opens = scripted and technique in _TOGGLED
        if opens and is_statement(text):
            if holder not in controls:
                controls[holder] = _has_controls(holder)
            opens = controls[holder]
        habit = Habit.SELDOM if look.is_certain and not opens else Habit.USUAL
        yield Passage(technique=technique, place=place(holder), text=text, before=before, habit=habit)


def _is_scripted(root: Any) -> bool:
    """Whether something runs in the page that could show what is hidden at first."""
    scripts = (script.get("type") or "" for script in root.iter("script"))
    return any(not _DATA_SCRIPT.match(kind.strip()) for kind in scripts) or bool(root.xpath(_HANDLERS))


def _has_controls(element: Any) -> bool:
    return next(element.iter("a", "button", "input", "select", "textarea", "form", "img", "svg"), None) is not None


def _without_curtain(root: Any, walk: _Walk) -> None:
    """Takes for seen what hides the whole page until a script draws the curtain."""
    if not walk.hidden or not _is_scripted(root):
        return
    behind: Counter[Any] = Counter()
    for look, _, words, _ in walk.hidden:
        if look.root is not None and look.technique in _TOGGLED:
            behind[look.root] += sum(map(len, words))
    whole = sum(map(len, walk.seen)) + behind.total()
    for outer, size in behind.most_common(1):
        if size > _CURTAIN * whole:
            walk.seen += [text for look, _, words, _ in walk.hidden if look.root is outer for text in words]
            walk.hidden = [item for item in walk.hidden if item[0].root is not outer]


def _usual(root: Any) -> Iterator[tuple[str, Any, str]]:
    """Yields technique, element and text of what pages carry beside what they show."""
    yield from _unshown(root)
    yield from _comments(root)
    yield from _attributes(root)


def _at(element: Any, technique: str) -> str:
    name = technique.partition(":")[2]
    return f"{place(element)}[{name}]" if name else place(element)


def _walked(root: Any) -> _Walk:
    cascade = Cascade((rule for sheet in _sheets(root) for rule in sheet), _names(root))
    start = Look() if not _has_external_style(root) else replace(Look(), back=None)
    walk = _Walk()
    body = root.find("body")
    top = child_look(start, cascade.of(root), root) if body is not None else start
    covered = _covered(root, cascade)
    stack: list[tuple[Any, Look, bool]] = [(root if body is None else body, top, False)]
    while stack:
        element, look, leaving = stack.pop()
        if leaving:
            _say(walk, look, element.getparent(), element.tail)
            continue
        tag = element.tag
        stack.append((element, look, True))
        if not isinstance(tag, str) or tag in _UNSHOWN or tag in _SKIPPED:
            continue
        own = _looks(cascade, look, element, tag)
        if element in covered and not own.gone:
            own = replace(own, gone="covered", root=element)
        _say(walk, own, element, element.text)
        stack.extend((child, own, False) for child in reversed(element))
    walk.notes += cascade.notes
    return walk


def _looks(cascade: Cascade, look: Look, element: Any, tag: str) -> Look:
    values = cascade.of(element)
    if "hidden" in element.attrib and "display" not in values:
        return look if look.gone else replace(look, gone="hidden_attribute", root=element)
    if "popover" in element.attrib and "display" not in values and not _is_opened(element):
        return look if look.gone else replace(look, gone="hidden_attribute", root=element)
    if tag in ("font", "body", "td", "table", "tr", "th") and not look.gone:
        values = {**_old_attributes(element, tag), **values}
    return child_look(look, values, element) if values else look


def _is_opened(element: Any) -> bool:
    """Whether a button of the page opens a popover; scripts are told by the habit of what they toggle."""
    identity = element.get("id")
    targets = element.getroottree().getroot().xpath("//@popovertarget") if identity else ()
    return identity in targets


def _old_attributes(element: Any, tag: str) -> dict[str, str]:
    """Returns what attributes of HTML 3 say: `<font color size>`, `bgcolor`, `<body text>`."""
    said = {"color": element.get("text" if tag == "body" else "color") if tag in ("font", "body") else None}
    said["background-color"] = element.get("bgcolor")
    if element.get("background"):
        said["background-image"] = "url()"
    return {name: value.lower() for name, value in said.items() if value}


def _say(walk: _Walk, look: Look, element: Any, text: str | None) -> None:
    if not text or text.isspace():
        return
    technique = look.technique
    if not technique:
        walk.seen.append(text)
        return
    last = walk.hidden[-1] if walk.hidden else None
    if last and last[0].technique == technique and last[0].root is look.root and last[3] == len(walk.seen):
        last[2].append(text)
    else:
        walk.hidden.append((look, element, [text], len(walk.seen)))


def _sheets(root: Any) -> Iterator[Any]:
    for sheet in root.iter("style"):
        if media_applies(sheet.get("media") or ""):
            yield read_sheet("".join(sheet.itertext()))


def _names(root: Any) -> frozenset[str]:
    classes = " ".join(root.xpath("//@class")).split()
    return frozenset([*classes, *map(str, root.xpath("//@id"))])


def _has_external_style(root: Any) -> bool:
    return any("stylesheet" in (link.get("rel") or "").lower() for link in root.iter("link")) or any(
        "@import" in "".join(sheet.itertext()) for sheet in root.iter("style")
    )


def _unshown(root: Any) -> Iterator[tuple[str, Any, str]]:
    for element in root.iter(*_UNSHOWN):
        kind = (element.get("type") or "").strip()
        if element.tag == "script" and not (kind and _DATA_SCRIPT.match(kind)):
            continue
        technique = "json_ld" if kind.lower() == "application/ld+json" else _UNSHOWN[element.tag]
        text = clean(" ".join(element.itertext()))
        if len(text) >= _MIN_TEXT:
            yield technique, element, text


def _comments(root: Any) -> Iterator[tuple[str, Any, str]]:
    from lxml import etree  # noqa: PLC0415 - as above

    for comment in root.iter(etree.Comment):
        text = clean(comment.text or "")
        if len(text) >= _MIN_TEXT:
            parent = comment.getparent()
            yield "comment", root if parent is None else parent, text


def _attributes(root: Any) -> Iterator[tuple[str, Any, str]]:
    for value in root.xpath(_LONG_ATTRIBUTES):
        name = str(value.attrname).lower()
        text = clean(_TAG.sub(" ", str(value)))
        if " " in text and name not in _MACHINE_ATTRIBUTES and not name.startswith("on"):
            yield f"{_attribute_technique(value.getparent(), name)}:{name}", value.getparent(), text


def _attribute_technique(element: Any, name: str) -> str:
    if element.tag == "meta":
        return "meta"
    if element.tag == "input" and name == "value":
        return "hidden_input" if (element.get("type") or "").lower() == "hidden" else "attribute_value"
    if name.startswith("aria-"):
        return "aria"
    if name.startswith("data-"):
        return "data_attribute"
    return {"alt": "alt", "title": "title_attribute", "srcdoc": "srcdoc"}.get(name, "attribute")


def _covered(root: Any, cascade: Cascade) -> set[Any]:
    """Returns elements that lie under a later box which fills the same parent with an opaque colour."""
    found: set[Any] = set()
    for lid in islice(root.xpath("//*[contains(@style, 'position') and contains(@style, 'background')]"), _MAX_LIDS):
        parent = lid.getparent()
        if parent is None or parent.tag in ("body", "html") or not _is_lid(cascade.of(lid)):
            continue
        if cascade.of(parent).get("position") in ("relative", "absolute", "fixed"):
            below = lid.itersiblings("*", preceding=True)
            found.update(item for item in below if "position" not in cascade.of(item))
    return found


def _is_lid(values: Mapping[str, str]) -> bool:
    colour = colours.parse(values.get("background-color") or values.get("background") or "")
    if values.get("position") not in ("absolute", "fixed") or colour is None or colour[3] < 1:
        return False
    plain = "display" not in values and "opacity" not in values and "visibility" not in values
    return plain and not (values.get("z-index") or "0").startswith("-") and _fills(values)


def _fills(values: Mapping[str, str]) -> bool:
    if values.get("inset") in ("0", "0px"):
        return True
    zero = {"0", "0px"}
    corner = values.get("top") in zero and values.get("left") in zero
    stretched = values.get("right") in zero and values.get("bottom") in zero
    return corner and (stretched or (values.get("width") == "100%" and values.get("height") == "100%"))


def place(element: Any) -> str:
    """Returns where an element stands, as a path in the manner of CSS selectors, at most six steps long."""
    steps: list[str] = []
    while element is not None and len(steps) < _MAX_PLACE:
        step = str(element.tag)
        if identity := element.get("id"):
            steps.append(f"{step}#{identity[:40]}")
            break
        alike = element.itersiblings(element.tag, preceding=True) if element.getparent() is not None else ()
        same = sum(1 for _ in islice(alike, _MAX_SIBLINGS))
        first = (element.get("class") or "").split()[:1]
        step += f".{first[0][:40]}" if first else ""
        steps.append(f"{step}:nth-of-type({same + 1})" if same else step)
        element = element.getparent()
    return " > ".join(reversed(steps))
