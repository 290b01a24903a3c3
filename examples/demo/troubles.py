"""Files as an inbox really gets them: empty, locked, cut off, mis-named. None may vanish in silence."""

from __future__ import annotations

import json
from pathlib import Path

_SIDECAR = {
    "owner": "demo",
    "source_system": "demo",
    "last_validated_date": "2026-01-15",
    "sensitivity_label": "public",
    "version": "1",
}
_UNVOUCHED = """\
# Refunds

A refund is possible within thirty days of the purchase. The request is answered within two working
days, and the money is returned the way it came. Nobody has said who wrote this, or when it was last
checked, so it must not answer anybody's question yet.
"""
_LOCK = (
    b"<< /Filter /Standard /V 1 /R 2 /P -44 /O <" + b"5f" * 32 + b"> /U <" + b"c3" * 32 + b"> >>"
)  # opens with no password anybody knows
_PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")


def write_troubles(folder: Path) -> int:
    """Writes the troublesome files and returns how many there are.

    Each has a faultless sidecar, but for one that is a good text without any.
    """
    files = {
        "empty.md": b"",
        "encrypted.pdf": _pdf(encrypt=_LOCK),
        "truncated.pdf": _pdf()[:180],
        "picture-named-as-text.md": _PNG,
        "old-encoding.txt": _latin_1(),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / f"{name}.meta.json").write_text(json.dumps(_SIDECAR), "utf-8")
    (folder / "nobody-vouches-for-this.md").write_text(_UNVOUCHED, "utf-8")
    return len(files) + 1


def _latin_1() -> bytes:
    """A text that is fine but for its encoding."""
    line = "The café in the Rue Müller keeps a naïve résumé of every façade it has ever seen. "
    return (line * 8).encode("latin-1")


def _pdf(encrypt: bytes = b"") -> bytes:
    """Builds a one-page PDF by hand; with `encrypt` it claims to be locked."""
    text = b"BT /F1 18 Tf 20 100 Td (A page that nobody can read) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources 7 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        encrypt or b"null",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 6 0 R >> >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    lock = b" /Encrypt 5 0 R /ID [<00><00>]" if encrypt else b""
    trailer = b"trailer\n<< /Size %d /Root 1 0 R%s >>\n" % (len(objects) + 1, lock)
    start = b"startxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer + start
