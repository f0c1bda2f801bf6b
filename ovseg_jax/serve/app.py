"""The page and its API: photos in, words in, named masks out.

`description.py` says what each address takes and returns; `GET /openapi.json` says it to programs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ovseg_jax.foundation.errors import OvsegError, printable
from ovseg_jax.inputs.images import read_bytes
from ovseg_jax.serve.album import Album
from ovseg_jax.serve.answers import describe_answer
from ovseg_jax.serve.description import openapi
from ovseg_jax.serve.examples import Example
from ovseg_jax.serve.files import FILES, picture
from ovseg_jax.serve.guard import Guard, refused
from ovseg_jax.serve.limits import Limits, Refusal
from ovseg_jax.serve.models import Models
from ovseg_jax.serve.questions import Question, read_question
from ovseg_jax.serve.worker import Say, Worker
from ovseg_jax.vocabulary.preset_lists import available_presets, load_preset

PAGE = Path(__file__).parent / "page"
PAGE_FILES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "masks.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}


@dataclasses.dataclass(frozen=True)
class Service:
    """What the addresses share.

    Attributes:
        models: The models.
        worker: Who computes.
        album: The visitors' photos.
        examples: Pictures to begin with.
        limits: What is refused beyond.
    """

    models: Models
    worker: Worker
    album: Album
    examples: Sequence[Example]
    limits: Limits


def make_app(
    models: Models,
    examples: Sequence[Example] = (),
    *,
    limits: Limits | None = None,
    hosts: Sequence[str] = (),
    token: str = "",
) -> Starlette:
    """Makes the application.

    Args:
        models: What answers; the first is opened at once.
        examples: Pictures to begin with.
        limits: What is refused beyond; None for the usual.
        hosts: Names by which it may be called, beside those of loopback.
        token: What requests must carry; empty for none.
    """
    limits = limits or Limits()
    service = Service(models, Worker(limits.waiting), Album(limits), examples, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        opening = service.worker.begin(lambda say: models.segmenter(models.names[0], say))
        yield
        opening.cancel()
        service.worker.close()

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, hosts=hosts, token=token, limits=limits)],
        exception_handlers={Refusal: _told, OvsegError: _told, Exception: _defect},
        lifespan=lifespan,
    )
    app.state.service = service
    return app


def _routes() -> list[Route]:
    return [
        Route("/", _page),
        Route("/page/{name}", _page),
        Route("/openapi.json", _openapi),
        Route("/api/status", _status),
        Route("/api/models", _models),
        Route("/api/presets", _presets),
        Route("/api/presets/{name}", _preset),
        Route("/api/examples", _examples),
        Route("/api/examples/{number:int}", _example),
        Route("/api/photos", _add_photo, methods=["POST"]),
        Route("/api/photos/{photo}", _drop_photo, methods=["DELETE"]),
        Route("/api/photos/{photo}/picture", _picture),
        Route("/api/photos/{photo}/answer", _answer, methods=["POST"]),
        Route("/api/photos/{photo}/files/{name}", _file, methods=["POST"]),
    ]


async def _page(request: Request) -> Response:
    name = request.path_params.get("name", "index.html")
    if name not in PAGE_FILES:
        raise Refusal(404, f"there is no {name!r} here")
    return Response((PAGE / name).read_bytes(), media_type=PAGE_FILES[name])


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi(_service(request).models.names, _service(request).limits))


async def _status(request: Request) -> Response:
    worker = _service(request).worker
    return JSONResponse({"doing": worker.doing, "waiting": worker.waiting})


async def _models(request: Request) -> Response:
    models = _service(request).models
    return JSONResponse([{"name": name, "open": models.is_open(name)} for name in models.names])


async def _presets(request: Request) -> Response:
    return JSONResponse(sorted(available_presets()))


async def _preset(request: Request) -> Response:
    found = load_preset(request.path_params["name"])
    words = "; ".join(", ".join(entry.synonyms) for entry in found.classes)
    return JSONResponse({"name": found.name, "classes": len(found), "words": words})


async def _examples(request: Request) -> Response:
    examples = _service(request).examples
    return JSONResponse([{"name": each.name, "words": each.words} for each in examples])


async def _example(request: Request) -> Response:
    number, examples = request.path_params["number"], _service(request).examples
    if number >= len(examples):
        raise Refusal(404, f"there is no example {number}")
    return Response(examples[number].data, media_type=examples[number].media_type)


async def _add_photo(request: Request) -> Response:
    service, limits = _service(request), _service(request).limits
    data = await _body(request, limits.upload_bytes)
    name = Path(unquote(request.headers.get("x-file-name", "")) or "photo").name[:100]

    def read(say: Say) -> Any:
        say("reading a photo")
        return read_bytes(data, name=printable(name), max_pixels=limits.photo_pixels)

    photo = await service.worker.ask(read, request.is_disconnected)
    key = service.album.add(photo, request.client.host if request.client else "")
    size = {"height": photo.height, "width": photo.width}
    return JSONResponse({"photo": key, "name": photo.name} | size, 201)


async def _drop_photo(request: Request) -> Response:
    _service(request).album.drop(request.path_params["photo"])
    return Response(status_code=204)


async def _picture(request: Request) -> Response:
    service = _service(request)
    kept = service.album.find(request.path_params["photo"])
    data = await service.worker.ask(lambda say: picture(kept.photo), request.is_disconnected)
    return Response(data, media_type="image/jpeg")


async def _answer(request: Request) -> Response:
    return JSONResponse(await _computed(request, describe_answer))


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        raise Refusal(404, f"there is no file {name!r}; known: {', '.join(FILES)}")
    media_type, write = FILES[name]
    return Response(await _computed(request, write), media_type=media_type)


async def _computed(request: Request, make: Callable[[Any], Any]) -> Any:
    """What is made of the answer to the question in a request's body."""
    service = _service(request)
    kept = service.album.find(request.path_params["photo"])
    question = await _question(request)

    def compute(say: Say) -> Any:
        found = service.models.answer(kept, question, say)
        say("drawing")
        return make(found)

    made = await service.worker.ask(compute, request.is_disconnected)
    service.album.make_room()
    return made


async def _question(request: Request) -> Question:
    service = _service(request)
    try:
        content = json.loads(await _body(request, service.limits.request_bytes))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from None
    return read_question(content, service.models.names, service.limits)


async def _body(request: Request, most: int) -> bytes:
    """Reads a body, of which no more than `most` bytes are ever held."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise Refusal(413, f"the request has more than {most} bytes, which is the limit")
            parts.append(part)
    except ClientDisconnect:
        raise Refusal(499, "the visitor has left") from None
    return b"".join(parts)


def _service(request: Request) -> Service:
    return request.app.state.service


async def _told(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return refused(error)
    return JSONResponse({"error": printable(error)}, 400)


async def _defect(request: Request, error: Exception) -> Response:
    traceback.print_exception(error)
    said = f"this is a defect of the program ({type(error).__name__}); its terminal says more"
    return JSONResponse({"error": said}, 500)
