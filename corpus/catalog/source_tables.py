"""Tables of what sources said of documents, so that a later listing may ask whether anything changed.

`corpus.catalog.tables` gives them on, with all the others.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from corpus.catalog.columns import KEY, Base


class WebValidatorRow(Base):
    """What a server said of one document over HTTP when it was read, and the digest of what was read."""

    __tablename__ = "web_validators"
    contract: Mapped[str] = mapped_column(KEY, primary_key=True)
    doc_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    url: Mapped[str] = mapped_column(String)
    etag: Mapped[str] = mapped_column(String)
    last_modified: Mapped[str] = mapped_column(String)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
