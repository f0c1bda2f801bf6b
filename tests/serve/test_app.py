"""Photos and words in, names out; what cannot be used is told, and visitors never mix."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.masks.rle import decode_rle
from ovseg_jax.serve.limits import Limits

WORDS = "ball; boat, ship; grass, lawn; sky"


def add(client, data, **headers):
    return client.post("/api/photos", content=data, headers=headers)


def ask(client, photo, **question):
    return client.post(f"/api/photos/{photo}/answer", json={"words": WORDS} | question)


@pytest.fixture
def photo(client, scene):
    sent = add(client, scene, **{"X-File-Name": "my%20scene.png"})
    assert sent.status_code == 201, sent.text
    assert (sent.json()["name"], sent.json()["width"]) == ("my scene.png", 512)
    return sent.json()["photo"]


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_an_answer_is_that_of_the_segmenter(client, photo, scene, segmenter, task):
    told = ask(client, photo, task=task).json()
    segmenter.set_vocabulary(WORDS)
    found = segmenter.segment(Image.open(io.BytesIO(scene)), task=task)
    assert [segment["name"] for segment in told["segments"]] == found.names
    for segment, mask in zip(told["segments"], found.prediction.masks, strict=True):
        np.testing.assert_array_equal(decode_rle(segment["segmentation"]), mask)
        assert segment["area"] == mask.sum()
        best = segment["runners_up"]
        assert best == sorted(best, key=lambda each: -each["score"]) and len(best) <= 5
    assert told["classes"][1] == ["boat", "ship"] and told["background_is_default"]


def test_an_answer_may_be_empty(client, photo):
    told = ask(client, photo, words="tower; snow, brick", task="panoptic", min_score=1.0).json()
    assert (told["segments"], told["unlabelled"]) == ([], 1.0)


def test_other_words_and_scores_run_no_image_tower(client, photo, segmenter, monkeypatch):
    ask(client, photo)
    monkeypatch.setattr(segmenter.engine, "encode", lambda _: pytest.fail("the tower ran"))
    for question in ({"words": "tree; house"}, {"min_score": 0.5}, {"task": "panoptic"}):
        assert ask(client, photo, **question).status_code == 200
    low, high = (ask(client, photo, min_score=x).json()["unlabelled"] for x in (0.0, 0.99))
    assert low < high


def test_the_files_of_an_answer(client, photo):
    question = {"words": WORDS, "task": "panoptic"}
    got = {
        name: client.post(f"/api/photos/{photo}/files/{name}", json=question)
        for name in ("overlay.png", "labels.png", "answer.json")
    }
    labels = Image.open(io.BytesIO(got["labels.png"].content))
    assert labels.size == (512, 512) and labels.mode == "L"
    assert Image.open(io.BytesIO(got["overlay.png"].content)).width > 512
    record = got["answer.json"].json()
    assert record["image"]["file"] == "my scene.png" and record["settings"]["task"] == "panoptic"
    assert client.post(f"/api/photos/{photo}/files/etc", json=question).status_code == 404
    picture = client.get(f"/api/photos/{photo}/picture")
    assert Image.open(io.BytesIO(picture.content)).size == (512, 512)


def test_a_photo_stays_with_who_knows_its_number_until_it_is_dropped(client, scene):
    one, other = (add(client, scene).json()["photo"] for _ in range(2))
    assert one != other and len(one) >= 20
    nearly = one[:-1] + ("y" if one.endswith("x") else "x")
    assert client.get(f"/api/photos/{nearly}/picture").status_code == 404
    assert client.delete(f"/api/photos/{one}").status_code == 204
    gone = ask(client, one)
    assert gone.status_code == 404 and "send it again" in gone.json()["error"]
    assert ask(client, other).status_code == 200


def test_the_oldest_photos_of_a_visitor_make_room(serve, scene):
    client = serve(Limits(photos_of_one=2))
    first, *others = (add(client, scene).json()["photo"] for _ in range(3))
    assert client.get(f"/api/photos/{first}/picture").status_code == 404
    assert all(client.get(f"/api/photos/{x}/picture").status_code == 200 for x in others)


def bomb():
    file = io.BytesIO()
    Image.new("1", (1200, 1200)).save(file, format="PNG")
    return file.getvalue()


BAD_PHOTOS = {
    "empty": (b"", 400, "the file is empty"),
    "text": (b"<html>no photo</html>", 400, "not a picture that can be read"),
    "cut off": (None, 400, "damaged or cut off"),
    "too many pixels": (bomb(), 400, "more than the limit of 1"),
    "too many bytes": (bytes(2**20 + 1), 413, "at most 1048576"),
}


@pytest.mark.parametrize("case", BAD_PHOTOS)
def test_a_bad_photo_is_told_and_the_next_one_works(client, scene, case):
    data, status, words = BAD_PHOTOS[case]
    sent = add(client, scene[: len(scene) // 2] if data is None else data)
    assert sent.status_code == status and words in sent.json()["error"]
    assert add(client, scene).status_code == 201


def test_a_body_without_a_length_is_held_to_the_limit_too(client):
    def parts():
        for _ in range(40):
            yield bytes(2**16)

    sent = client.post("/api/photos", content=parts())
    assert sent.status_code == 413 and "more than 1048576 bytes" in sent.json()["error"]


BAD_QUESTIONS = {
    "no JSON": ("{", 400, "no JSON"),
    "a list": ("[]", 400, "no JSON object"),
    "unknown": ({"word": "cat"}, 400, "['word']; known: background, min_score"),
    "words": ({"words": ["cat"]}, 400, "words is list; give text"),
    "same words": ({"words": "cat; Cat"}, 400, "cat"),
    "task": ({"task": "things"}, 400, "give one of semantic, panoptic, instance"),
    "score": ({"min_score": 2}, 400, "a probability from 0 to 1"),
    "NaN": ('{"min_score": NaN}', 400, "a probability from 0 to 1"),
    "model": ({"model": "../weights"}, 400, "give one of toy, second"),
    "long": ({"words": "a" * 30_000}, 413, "at most 20000"),
    "deep": ("[" * 100_000, 400, "no JSON"),
}


@pytest.mark.parametrize("case", BAD_QUESTIONS)
def test_a_bad_question_is_told_by_its_field(client, photo, case):
    content, status, words = BAD_QUESTIONS[case]
    body = content if isinstance(content, str) else json.dumps(content)
    got = client.post(f"/api/photos/{photo}/answer", content=body)
    assert got.status_code == status and words in got.json()["error"]
    assert "Traceback" not in got.text


def test_lists_and_examples(client):
    assert [each["name"] for each in client.get("/api/models").json()] == ["toy", "second"]
    assert "ade150" in client.get("/api/presets").json()
    ade = client.get("/api/presets/ade150").json()
    assert ade["classes"] == 150 and ade["words"].count(";") == 149
    assert client.get("/api/presets/etc").status_code == 400
    (example,) = client.get("/api/examples").json()
    assert "plate, dish" in example["words"]
    assert client.get("/api/examples/0").headers["content-type"] == "image/png"
    assert client.get("/api/examples/1").status_code == 404
    assert client.get("/api/status").json() == {"doing": "", "waiting": 0}


def test_every_address_is_described(client):
    described = client.get("/openapi.json").json()["paths"]
    routes = {
        route.path.replace(":int", ""): sorted(route.methods - {"HEAD"})
        for route in client.app.routes
        if route.path.startswith("/api")
    }
    assert {path: sorted(map(str.upper, calls)) for path, calls in described.items()} == routes


def test_a_defect_is_told_without_its_inside(client, photo, segmenter, monkeypatch, capsys):
    def broken(*_, **__):
        raise KeyError("secret of the inside")

    monkeypatch.setattr(segmenter, "segment", broken)
    got = ask(client, photo, words="fence")
    assert got.status_code == 500 and "defect of the program (KeyError)" in got.json()["error"]
    assert "secret" not in got.text and "secret of the inside" in capsys.readouterr().err
    monkeypatch.undo()
    assert ask(client, photo, words="fence").status_code == 200
