"""Forms that come back: read with a limit, and proven to be ours (CSRF)."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request

from console.web.http.access import SESSION_SECONDS, Access, Person
from console.web.http.failures import Refused

_MOST_BYTES = 64_000
_MOST_FIELDS = 200


def seal(access: Access, person: Person) -> str:
    """Returns what a form of this person must carry."""
    return _sealer(access).dumps([person.session, person.name])


def require_ours(request: Request, access: Access, person: Person, sealed: str) -> None:
    """Refuses a form that this person did not get from us.

    Raises:
        Refused: It came from another site, from an older session, or by a program's token.
    """
    require_same_origin(request)
    try:
        bound = _sealer(access).loads(sealed, max_age=SESSION_SECONDS)
    except BadData:
        bound = None
    if not person.session or bound != [person.session, person.name]:
        raise Refused(
            403, "This form is too old", "It was made for another session. Nothing was done. Load the page again."
        )


def require_same_origin(request: Request) -> None:
    """Refuses a form that a page of another site sent, as browsers tell.

    Raises:
        Refused: It did, or the sender says nothing about where it came from.
    """
    said = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    same = said == "same-origin" if said else urlsplit(origin).netloc == request.headers.get("host", "")
    if not same:
        raise Refused(
            403, "This form came from elsewhere", "Forms are taken from pages of this console only. Nothing was done."
        )


async def read_form(request: Request, most: int = _MOST_BYTES) -> dict[str, str]:
    """Reads a form; of a field that is given twice, the last counts.

    Args:
        request: The request.
        most: Bytes that it may have.

    Raises:
        Refused: It is too large, or no form.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(415, "No form", "Send application/x-www-form-urlencoded, as the page does.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Refused(413, "This form is too large", f"It may have {most:,} bytes. Nothing was done.")
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Refused(400, "This form cannot be read", f"{error}. Nothing was done.") from error
    return dict(fields)


def _sealer(access: Access) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(access.key, salt="form")
