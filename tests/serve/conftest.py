"""The page with the toy model, as a test client asks it."""

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from ovseg_jax import api
from ovseg_jax.serve import examples
from ovseg_jax.serve.app import make_app
from ovseg_jax.serve.limits import Limits
from ovseg_jax.serve.models import Models

LIMITS = Limits(upload_bytes=2**20, photo_pixels=10**6, per_minute=10_000)


@pytest.fixture(scope="session")
def segmenter(tmp_path_factory):
    return api.load_segmenter("toy", cache_directory=tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="session")
def models(segmenter):
    return Models({"toy": lambda: segmenter, "second": lambda: segmenter})


@pytest.fixture
def serve(models):
    """Starts the page with some settings; returns a client."""
    clients = []

    def start(limits=LIMITS, base="http://localhost", **settings):
        app = make_app(models, examples.drawn()[:1], limits=limits, **settings)
        clients.append(TestClient(app, base_url=base, raise_server_exceptions=False))
        return clients[-1].__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture(scope="session")
def scene():
    """The file of a drawn scene."""
    return examples.drawn()[0].data
