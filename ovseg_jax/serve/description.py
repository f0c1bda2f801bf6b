"""The API in OpenAPI 3.1, for programs that read it."""

from __future__ import annotations

from typing import Any

from ovseg_jax.foundation.version import VERSION
from ovseg_jax.serve.files import FILES
from ovseg_jax.serve.limits import Limits
from ovseg_jax.serve.questions import TASKS

_PHOTO = {
    "name": "photo",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The number that `POST /api/photos` returned; it is kept in memory for a while.",
}
_ERRORS = {
    "400": "The photo, the words or a field cannot be used",
    "401": "The token is missing or wrong",
    "404": "There is no such thing here (any more)",
    "413": "Too large",
    "429": "Too many requests; see Retry-After",
    "503": "Too many requests are waiting; see Retry-After",
}


def openapi(models: tuple[str, ...], limits: Limits) -> dict[str, Any]:
    """Returns the description.

    Args:
        models: Names of the models that are here.
        limits: What is refused beyond.
    """
    question = {"$ref": "#/components/schemas/Question"}
    body = {"required": True, "content": {"application/json": {"schema": question}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ovseg serve",
            "version": VERSION,
            "description": "A photo and any words in, named masks out. Photos stay in memory.",
        },
        "paths": {
            "/api/status": {"get": _call("What the worker does, and how many requests wait")},
            "/api/models": {"get": _call("The models, the default first")},
            "/api/presets": {"get": _call("Names of the word lists of the package")},
            "/api/presets/{name}": {
                "get": _call("A word list as it would be typed", [_path("name", "string")])
            },
            "/api/examples": {"get": _call("Pictures to begin with")},
            "/api/examples/{number}": {
                "get": _call("One of them", [_path("number", "integer")], "image/*")
            },
            "/api/photos": {
                "post": _call("Sends a photo, its file as the body", status="201")
                | {
                    "requestBody": {
                        "required": True,
                        "description": f"At most {limits.upload_bytes} bytes and "
                        f"{limits.photo_pixels} pixels. X-File-Name may give its name.",
                        "content": {"application/octet-stream": {}},
                    }
                }
            },
            "/api/photos/{photo}": {
                "delete": _call("Forgets a photo", [_PHOTO], None, status="204")
            },
            "/api/photos/{photo}/picture": {
                "get": _call("The photo, upright", [_PHOTO], "image/jpeg")
            },
            "/api/photos/{photo}/answer": {
                "post": _call("Names what is on the photo", [_PHOTO]) | {"requestBody": body}
            },
            "/api/photos/{photo}/files/{name}": {
                "post": _call(
                    "The answer as a file", [_PHOTO, _path("name", "string", list(FILES))], "*/*"
                )
                | {"requestBody": body}
            },
        },
        "components": {
            "schemas": {"Question": _question(models, limits)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _question(models: tuple[str, ...], limits: Limits) -> dict[str, Any]:
    text = {"type": ["string", "null"], "maxLength": limits.words}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "words": text
            | {"description": "; parts classes, , parts synonyms. Empty: the model's own list"},
            "background": text
            | {"description": "Words that compete and stay unlabelled; 'none' for no such words"},
            "task": {"enum": list(TASKS), "default": TASKS[0]},
            "min_score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "model": {"enum": list(models), "default": models[0]},
        },
    }


def _path(name: str, kind: str, known: list[str] | None = None) -> dict[str, Any]:
    schema = {"type": kind} | ({"enum": known} if known else {})
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _call(
    summary: str,
    parameters: list[dict[str, Any]] | None = None,
    returns: str | None = "application/json",
    status: str = "200",
) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": summary}
    if returns:
        answer["content"] = {returns: {}}
    errors = {code: {"description": text} for code, text in _ERRORS.items()}
    return {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {status: answer} | errors,
    }
