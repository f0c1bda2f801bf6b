"""Opens a page on this machine to try words on a photo, and the JSON API behind it.

  ovseg serve                                    the tiny model, on http://127.0.0.1:8642
  ovseg serve --model weights/mask_adapter --model weights/fisa --examples photos

Photos stay in this program's memory, and the page loads nothing from elsewhere. Only this machine
can reach it; another --host needs a --token of your own, which the page takes from its address.
See docs/serve.md; GET /openapi.json describes the API.
"""

from __future__ import annotations

import argparse
import functools
import os
import socket
import sys
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_generator, given_path
from ovseg_jax.foundation.errors import MissingPackageError, printable
from ovseg_jax.serve.limits import LOOPBACK

PORT = 8642
SHORTEST = 16
"""Letters of a token: what a machine cannot try out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "--model",
        action="append",
        metavar="RUN_OR_WEIGHTS",
        help="weights directory or run; may be given several times, the first is the default "
        "(default: toy, the tiny model inside the package, which knows a drawn world)",
    )
    add_generator(parser)
    parser.add_argument(
        "--host", default=LOOPBACK[0], help="address to listen on; default: %(default)s"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="default: %(default)s; 0 takes a free one"
    )
    parser.add_argument(
        "--token",
        metavar="TEXT",
        help=f"what every request must carry, at least {SHORTEST} letters; needed for any --host "
        "but this machine (default: $OVSEG_TOKEN)",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which browsers call this server, beside --host, such as that of a proxy",
    )
    parser.add_argument(
        "--examples", type=given_path, metavar="FOLDER", help="photos that the page offers"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C; returns the exit status."""
    token = _token(arguments)
    try:
        import uvicorn

        from ovseg_jax.serve.app import make_app
    except ImportError as error:
        raise MissingPackageError(
            f"the page needs {error.name}; install with pip install 'ovseg-jax[serve]'"
        ) from error
    from ovseg_jax.disk.programs import keep_programs
    from ovseg_jax.serve.models import Models

    keep_programs()
    models = Models(_openers(arguments))
    hosts = [arguments.host, *arguments.name]
    with _listening(arguments.host, arguments.port) as opened:
        app = make_app(models, _examples(arguments), hosts=hosts, token=token)
        host, port = opened.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        secret = f"/#token={token}" if token else ""
        print(f"ovseg: {', '.join(models.names)} on http://{shown}:{port}{secret}", flush=True)
        print("ovseg: Ctrl-C ends it", file=sys.stderr, flush=True)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, limit_concurrency=128
        )
        uvicorn.Server(config).run(sockets=[opened])
    return 0


def _token(arguments: argparse.Namespace) -> str:
    """The token that counts.

    Raises:
        UsageError: It is needed and missing, or too short.
    """
    token = arguments.token or os.environ.get("OVSEG_TOKEN", "")
    if not token and arguments.host not in LOOPBACK:
        raise UsageError(
            f"--host {arguments.host} lets others in: give --token TEXT of at least {SHORTEST} "
            "letters (or set OVSEG_TOKEN), and put TLS in front where the network is not yours"
        )
    if token and (len(token) < SHORTEST or not token.isascii() or not token.isalnum()):
        raise UsageError(f"--token: give at least {SHORTEST} letters and digits")
    return token


def _openers(arguments: argparse.Namespace) -> dict[str, Any]:
    """By shown name, what opens each model; wrong names are told before anything is served."""
    from ovseg_jax import api
    from ovseg_jax.loading.opening import resolve
    from ovseg_jax.loading.weights import find_weights

    found: dict[str, Any] = {}
    for given in arguments.model or ["toy"]:
        find_weights(resolve(given))
        name = printable(Path(given).name if given != "toy" else "toy")
        if name in found:
            name = printable(given)
        found[name] = functools.partial(api.load_segmenter, given, generator=arguments.generator)
    return found


def _examples(arguments: argparse.Namespace) -> Any:
    from ovseg_jax.serve import examples

    if arguments.examples is not None:
        return examples.of_folder(arguments.examples)
    return examples.drawn() if (arguments.model or ["toy"])[0] == "toy" else ()


def _listening(host: str, port: int) -> socket.socket:
    """Takes the address, before a model is loaded.

    Raises:
        UsageError: Another program has it, or there is no such address here.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--host {host} --port {port}: {reason}; give another --port") from error
