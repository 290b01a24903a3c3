"""The web console: pages for people over the same functions that the command line uses.

Rendered on the server, readable without JavaScript, with nothing loaded from elsewhere. `create_app` puts pages,
sign-in, headers and error pages together; it knows no page's content.

Rooms: `http` is the edge (who asks, forms, headers, errors, templates); `pages` has one module a page; `views` makes
the models that several pages share; `drawings` turns numbers and texts into what templates draw, and is pure; `work`
does what a person asked for.

How to add a page
-----------------
1. **Module** `console/web/pages/NAME.py`: a docstring, the models, one `load` function and `PAGE = Page(...)`
   (`console.web.page` has every field). What a person may do there is an `Action` in `ACTIONS`.
2. **Model**: one `View` (frozen, no extra fields) is all that the template gets and all that `/NAME.json` prints, so a
   page can show nothing that its twin does not have. A share is a `Figure`, which says whether it is counted, declared,
   matched, estimated or unknown. Ids go into the query (`/NAME?contract=...&id=...`), since they may hold a slash.
   Times are aware, UTC; words for ages are made by the template (`| ago(now)`).
3. **Reading**: through `visit.runtime`, in one `runtime.catalog.reading()`, with a number of statements that does not
   grow with the rows (`tests/console/web/test_web_statements.py` counts them). Queries live in `corpus.catalog` or
   `ingestion`; the console writes no SQL. Lists are cut by `Paging`. An unknown name is a `ConfigurationError`, an
   unknown page of a known thing `Missing`; both become error pages here. A query that is too long for an address, such
   as a pasted contract, may come as a form (`posts=True`): it goes to the same `load`, and writes nothing.
4. **Writing**: an `Action` takes a validated form, a person and the runtime, calls `ingestion`, and returns `Done`.
   Sign-in, CSRF and what errors look like are not its business. Put `{{ ui.guard(csrf) }}` into the form, and a field
   `reason`: every `Form` asks for one. `ingestion` writes it into the audit log in the transaction of the change, and
   compares there what the page showed (a digest, a generation, a standing decision) with what is. Name the action in
   `tests/console/web/test_web_writes.py`, which fails until you do.
5. **Template** `console/web/templates/NAME.html`: `{% extends "frame.html" %}`, `view` is the model; `macros.html` has
   tables, figures, bars, sparklines, badges, empty states and paging. `link('/path', key=value)` makes every URL (the
   application may be mounted below a prefix). The policy forbids inline scripts and styles: use classes, and
   attributes of SVG.
6. **List it** in `console/web/pages/listed.py`: one line.
7. **Test** in `tests/console/web/`: `get` and `twin` of the fixture `site` for what it says, the flow in
   `test_web_browser.py`, and the page's URL in the list of `test_web_looks.py`, so that axe looks at it, at 390 px and
   in both schemes, and its layout shift is measured.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from console.web.http import problems, routes
from console.web.http.access import Access
from console.web.http.headers import Guarded
from console.web.http.templating import Pen
from console.web.pages.listed import ACTIONS, PAGES
from console.web.work.background import Processes
from console.web.work.launching import Launcher
from ingestion.runtime import Runtime

STATIC = Path(__file__).with_name("static")


def create_app(runtime: Runtime, access: Access, *, framed: bool = False, launcher: Launcher | None = None) -> FastAPI:
    """Makes the application; it starts nothing.

    Args:
        runtime: The open project, shared by all requests.
        access: Who may come in, and under which name.
        framed: Whether a page of the same origin may show it in a frame, as Airflow's does.
        launcher: Where long work runs; None for processes of this machine.
    """
    app = FastAPI(
        title="Stemma console",
        description="Every page of the console as JSON. Each `.json` path answers with the model that its page is "
        "rendered from.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,  # `routes` serves it to those who are signed in
    )
    app.state.runtime, app.state.access, app.state.pen = runtime, access, Pen(PAGES)
    app.state.launcher = launcher or Processes(runtime.settings)
    router = APIRouter()
    for page in PAGES:
        routes.add_page(router, page)
    for action in ACTIONS:
        routes.add_action(router, action)
    routes.add_entrance(router, access)
    routes.add_schema(router, app)
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.register(app)
    app.add_middleware(Guarded, framed=framed, failed=problems.unexpected)
    return app
