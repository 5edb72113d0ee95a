"""The OpenAPI and AsyncAPI documents, and the same as pages for people: without a script, and without anything of
another host, so that they can be read on a network that is locked down.

FastStream has a page of its own for the second, by which anybody may publish. It is mounted nowhere.
"""

import json
import re
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, StrictUndefined

from broker.api.access import PERMISSION, Permission
from schemas.publish import ASYNCAPI_FILE, PUBLISHED

_PAGES = files("broker.api") / "pages"
_ASYNCAPI = PUBLISHED / ASYNCAPI_FILE
_FORM = ("type", "minimum", "maximum", "pattern", "maxLength")


def add_documentation(app: FastAPI) -> None:
    """Serve `/openapi.json`, `/asyncapi.json`, `/`, `/topics` and `/style.css`."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((_PAGES / "operations.html").read_text(encoding="utf-8"))
    asyncapi = _ASYNCAPI.read_text(encoding="utf-8")
    told_of_topics = json.loads(asyncapi)
    topics_page = environment.from_string((_PAGES / "topics.html").read_text(encoding="utf-8")).render(
        document=told_of_topics, topics=_topics(told_of_topics), forms=_forms(told_of_topics)
    )
    style = (_PAGES / "style.css").read_text(encoding="utf-8")
    open_to_all = {PERMISSION: Permission.ANYBODY.value}

    @app.get("/openapi.json", include_in_schema=False, openapi_extra=open_to_all)
    async def document() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/asyncapi.json", include_in_schema=False, openapi_extra=open_to_all)
    async def topics_document() -> Response:
        return Response(asyncapi, media_type="application/json")

    @app.get("/topics", include_in_schema=False, openapi_extra=open_to_all)
    async def page_of_topics() -> Response:
        return HTMLResponse(topics_page)

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


def _topics(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "action": operation["action"],
            "address": document["channels"][name]["address"],
            "description": document["channels"][name]["description"],
            "form": _named(document["components"]["messages"][message]["payload"]),
        }
        for name, operation in document["operations"].items()
        for message in document["channels"][name]["messages"]
    ]


def _forms(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each form with its members, or with the forms that it may be."""
    return [
        {
            "name": name,
            "description": form.get("description"),
            "members": [
                {"name": member, "form": _named(inner), "description": inner.get("description")}
                for member, inner in form.get("properties", {}).items()
            ],
            "one_of": [_named(inner) for inner in (*form.get("oneOf", ()), *form.get("allOf", ()))],
        }
        for name, form in document["components"]["schemas"].items()
    ]


def _named(schema: dict[str, Any]) -> str:
    """The form that a schema refers to, or its type."""
    return str(schema["$ref"]).rpartition("/")[2] if "$ref" in schema else str(schema.get("type", "string"))
