"""The command as it is typed, and the server under many visitors at once."""

import concurrent.futures
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading

import pytest

pytest.importorskip("uvicorn")

import httpx

from ovseg_jax.cli.main import main

WORDS = ("ball; boat", "tree; house; grass", "tower; sky; water; snow, brick")


def start(*options):
    command = [sys.executable, "-m", "ovseg_jax.cli.main", "serve", "--port", "0", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


@pytest.fixture(scope="module")
def server():
    process = start()
    address = re.search(r"http://\S+", process.stdout.readline()).group()
    yield process, address
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT), errors
    assert "Traceback" not in errors


def resident(process):
    """Megabytes that a process holds."""
    with open(f"/proc/{process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def visit(address, scene, number):
    """A visitor: a photo, several words, and now and then a bad file; returns what was answered."""
    with httpx.Client(base_url=address, timeout=120) as client:
        if number % 10 == 3:
            return client.post("/api/photos", content=scene[: 200 + number]).status_code
        photo = client.post("/api/photos", content=scene).json()["photo"]
        question = {"words": WORDS[number % 3], "task": "panoptic"}
        got = client.post(f"/api/photos/{photo}/answer", json=question)
        client.delete(f"/api/photos/{photo}")
        named = {segment["name"] for segment in got.json()["segments"]}
        known = {entry[0] for entry in got.json()["classes"]}
        assert (
            named <= known == {word.split(",")[0].strip() for word in question["words"].split(";")}
        )
        return got.status_code


def leave(address, scene):
    """A visitor that sends half of a photo and goes."""
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /api/photos HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(scene)}\r\n\r\n"
        connection.sendall(head.encode() + scene[: len(scene) // 2])


@pytest.mark.slow
def test_fifty_requests_of_eight_visitors_with_bad_files_and_lost_connections(server, scene):
    process, address = server
    for number in range(6):  # whatever is compiled and cached once
        visit(address, scene, number)
    before = resident(process)
    leaving = [threading.Thread(target=leave, args=(address, scene)) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = [pool.submit(visit, address, scene, number) for number in range(50)]
        for thread in leaving:
            thread.start()
        statuses = [each.result() for each in found]
    for thread in leaving:
        thread.join()
    assert statuses.count(400) == 5 and statuses.count(200) == 45
    assert httpx.get(f"{address}/api/status").json() == {"doing": "", "waiting": 0}
    assert resident(process) < before + 150
    assert process.poll() is None


def refused(capsys, *options):
    assert main(["serve", *options]) == 2
    return capsys.readouterr().err


def test_other_machines_need_a_token(capsys, monkeypatch):
    monkeypatch.delenv("OVSEG_TOKEN", raising=False)
    assert "give --token TEXT of at least 16" in refused(capsys, "--host", "0.0.0.0")
    assert "16 letters and digits" in refused(capsys, "--host", "0.0.0.0", "--token", "short")


def test_what_cannot_be_served_is_told_at_once(capsys, tmp_path):
    assert "does not exist" in refused(capsys, "--model", str(tmp_path / "nothing"))
    assert "holds no picture" in refused(capsys, "--examples", str(tmp_path), "--port", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "give another --port" in refused(capsys, "--port", port)
    assert "give another --port" in refused(capsys, "--port", "99999")
