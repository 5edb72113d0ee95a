"""The OpenAPI document, and the same as a page for people: made here, without a script, and without anything of another
host, so that it can be read on a network that is locked down."""

import re
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, StrictUndefined

from broker.api.access import PERMISSION, Permission

_PAGES = files("broker.api") / "pages"
_FORM = ("type", "minimum", "maximum", "pattern", "maxLength")


def add_documentation(app: FastAPI) -> None:
    """Serve `/openapi.json`, `/` and `/style.css`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((_PAGES / "operations.html").read_text(encoding="utf-8"))
    style = (_PAGES / "style.css").read_text(encoding="utf-8")
    open_to_all = {PERMISSION: Permission.ANYBODY.value}

    @app.get("/openapi.json", include_in_schema=False, openapi_extra=open_to_all)
    async def document() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/", include_in_schema=False, openapi_extra=open_to_all)
    async def page() -> Response:
        told = app.openapi()
        return HTMLResponse(template.render(document=told, operations=_operations(told)))

    @app.get("/style.css", include_in_schema=False, openapi_extra=open_to_all)
    async def sheet() -> Response:
        return Response(style, media_type="text/css; charset=utf-8")


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = (operation.get("requestBody") or {}).get("content", {})
            found.append(
                {
                    "anchor": re.sub(r"[^a-z0-9]+", "-", f"{method}{path}".lower()).strip("-"),
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "for_desks": operation[PERMISSION] == Permission.DESK,
                    "paragraphs": operation.get("description", "").split("\n\n"),
                    "parameters": [_parameter(parameter) for parameter in operation.get("parameters", ())],
                    "body": ", ".join(content),
                    "answers": [
                        {
                            "status": status,
                            "type": ", ".join(answer.get("content", {})),
                            "description": answer["description"],
                        }
                        for status, answer in sorted(operation["responses"].items())
                    ],
                }
            )
    return found


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter["schema"]
    form = ", ".join(f"{name} {schema[name]}" if name != "type" else schema[name] for name in _FORM if name in schema)
    return {
        "name": parameter["name"],
        "in": parameter["in"],
        "form": form,
        "description": parameter.get("description"),
    }
