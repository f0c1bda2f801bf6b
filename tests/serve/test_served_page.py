"""The page in a headless Chromium: drop a photo, type words, see names, change them, download.

Needs Debian's `chromium` and the Python package `playwright` (no browser of its own).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"),
]
WAIT = 120_000
"""Milliseconds; the first answer loads and compiles."""


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "ovseg_jax.cli.main", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--token", "0123456789abcdefgh"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    yield re.search(r"http://\S+", process.stdout.readline()).group()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.asked, page.problems = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#examples button")
    yield page
    page.close()


def answered(page, act):
    with page.expect_response(lambda r: r.url.endswith("/answer"), timeout=WAIT) as found:
        act()
    page.wait_for_timeout(200)
    return found.value


def drop(page, data, name, kind):
    """Drops a file on the page as a person would, by a transfer made in the page."""
    transfer = page.evaluate_handle(
        """([bytes, name, kind]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: kind }));
            return transfer;
        }""",
        [list(data), name, kind],
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})


def names(page):
    return page.locator("#segments .name").all_inner_texts()


def test_drop_name_change_download_and_no_request_leaves_the_machine(page, scene, address):
    page.fill("#words", "ball; boat, ship; grass")
    answered(page, lambda: drop(page, scene, "scene.png", "image/png"))
    assert set(names(page)) <= {"ball", "boat", "grass"} and names(page)
    assert page.url.endswith("/"), "the token left the address"

    answered(page, lambda: (page.fill("#words", "tree; lawn"), page.click("#ask")))
    assert set(names(page)) <= {"tree", "lawn"}
    answered(page, lambda: page.check("input[value=panoptic]"))
    answered(page, lambda: page.locator("#score").fill("0.3"))
    assert page.inner_text("#score-value") == "0.30"

    page.hover("#segments label")
    assert page.locator("#pointed").is_visible()
    assert re.match(r"\w+ [01]\.\d\d", page.inner_text("#pointed"))

    with page.expect_download(timeout=WAIT) as saved:
        page.click("[data-file='answer.json']")
    assert saved.value.suggested_filename == "answer.json"
    assert '"tree"' in Path(saved.value.path()).read_text()

    ours = address.partition("/#")[0]
    assert all(url.startswith((ours, "blob:", "data:")) for url in page.asked)
    assert not page.problems


def test_a_bad_file_is_told_and_the_page_goes_on(page, scene):
    drop(page, b"no picture", "notes.txt", "text/plain")
    page.wait_for_selector("#error:not([hidden])")
    assert "notes.txt: not a picture that can be read" in page.inner_text("#error")
    page.fill("#words", "ball; boat")
    answered(page, lambda: drop(page, scene, "scene.png", "image/png"))
    assert page.locator("#error").is_hidden() and names(page)
    page.fill("#words", "cat; Cat")
    answered(page, lambda: page.click("#ask"))
    assert page.locator("#error").is_visible()
    assert not page.problems


def test_the_keyboard_reaches_everything(page, scene):
    answered(page, lambda: page.locator("#examples button").first.press("Enter"))
    page.focus("#canvas")
    page.keyboard.press("ArrowRight")
    assert page.locator("#pointed").is_visible()
    box = page.locator("#segments input").first
    box.focus()
    page.keyboard.press("Space")
    assert not box.is_checked()
    for field in page.locator("textarea, select, input, button").all():
        name = field.evaluate(
            "e => e.innerText || (e.labels && e.labels.length ? e.labels[0].textContent : '')"
        )
        assert name.strip(), field.evaluate("e => e.outerHTML")


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_cut_off_on_narrow_and_wide_windows(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    answered(page, lambda: page.locator("#examples button").first.click())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
