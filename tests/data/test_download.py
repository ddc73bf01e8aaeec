"""Downloads, against a server on this machine that behaves well and badly."""

import contextlib
import http.server
import io
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from npz_files import silent

from magenta_sketch.data import download, load_data_set, write_npz
from magenta_sketch.data.download import Limits, cache_dir, fetch
from magenta_sketch.errors import DataError

SKETCHES = [np.array([[1, -2, 0], [3, 4, 1]], np.int16)]


class Server(http.server.ThreadingHTTPServer):
    """Serves `body` in the way that the first part of the path says."""

    daemon_threads = True

    def __init__(self, body):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.requests = []
        self.stopping = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        kind = self.path.split("/")[1]
        with contextlib.suppress(OSError):  # the client may hang up
            getattr(self, f"serve_{kind}")(self.server.body)

    def start(self, length, code=200):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def serve_good(self, body):
        self.start(len(body))
        self.wfile.write(body)

    serve_other = serve_good

    def serve_unsized(self, body):
        self.start(None)
        self.wfile.write(body)

    def serve_missing(self, body):
        self.start(0, 404)

    def serve_moved(self, body):
        self.send_response(302)
        self.send_header("Location", "/good/a.npz")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve_circle(self, body):
        self.send_response(302)
        self.send_header("Location", self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve_cut(self, body):
        self.start(len(body))
        self.wfile.write(body[:-10])

    def serve_cutunsized(self, body):
        self.start(None)
        self.wfile.write(body[:-10])

    def serve_html(self, body):
        self.serve_good(b"<html><body>Sign in</body></html>")

    def serve_large(self, body):
        self.serve_good(bytes(1 << 20))

    def serve_endless(self, body):
        self.start(None)
        while not self.server.stopping.is_set():
            self.wfile.write(bytes(1 << 16))

    def serve_liar(self, body):
        self.start(None)  # and a chunked body is as long as it likes
        self.serve_endless(body)

    def serve_silent(self, body):
        self.start(len(body))
        self.server.stopping.wait(30)

    def serve_drip(self, body):
        self.start(len(body))
        for i in range(len(body)):
            self.wfile.write(body[i : i + 1])
            if self.server.stopping.wait(0.02):
                break

    def serve_dripheader(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.stopping.wait(0.02):
            self.wfile.write(b"x")


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    path = tmp_path_factory.mktemp("body") / "a.npz"
    write_npz(path, train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    return path.read_bytes()


@pytest.fixture
def server(body, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server(body)
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    yield server
    server.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(folder))
    return folder


def files_in(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["good", "unsized", "moved"])
def test_fetched_once_then_read_from_the_cache(server, cache, body, kind):
    lines = []
    first = fetch(f"{server.url}/{kind}/a.npz", report=lines.append)
    assert first.read_bytes() == body and files_in(cache) == [first]
    assert lines[0] == f"fetching {server.url}/{kind}/a.npz" and len(lines) == 2
    asked = len(server.requests)
    again = fetch(f"{server.url}/{kind}/a.npz", report=lines.append)
    assert again == first and len(server.requests) == asked and len(lines) == 2


def test_equal_names_of_different_urls_do_not_collide(server, cache):
    urls = [f"{server.url}/{path}" for path in ("good/a.npz", "other/a.npz", "good/a.npz?v=2")]
    assert len({fetch(url, report=silent) for url in urls}) == 3
    assert len(files_in(cache)) == 3


SMALL = Limits(max_bytes=1 << 18, connect_seconds=2, read_seconds=0.3, total_seconds=20)
SHORT = Limits(max_bytes=1 << 18, connect_seconds=2, read_seconds=10, total_seconds=0.3)


@pytest.mark.parametrize(
    "kind, limits, message",
    [
        ("missing", SMALL, "HTTP 404"),
        ("circle", SMALL, "redirects"),
        ("cut", SMALL, "broke off"),
        ("cutunsized", SMALL, "not a zip archive, or cut short.*not give a readable data set"),
        ("html", SMALL, "a web page, not a data set.*does not give a readable data set"),
        ("large", SMALL, "larger than the limit of 262,144 bytes"),
        ("endless", SMALL, "larger than the limit of 262,144 bytes"),
        ("silent", SMALL, "nothing received"),
        ("drip", SHORT, "not finished after 0.3 seconds"),
        ("dripheader", SHORT, "not finished after 0.3 seconds"),
    ],
)
def test_failures_say_why_and_leave_nothing(server, cache, kind, limits, message):
    url = f"{server.url}/{kind}/a.npz"
    with pytest.raises(DataError, match=message) as caught:
        fetch(url, report=silent, limits=limits)
    assert str(caught.value).startswith(f"{url}: ")
    assert len(str(caught.value).splitlines()) == 1
    assert files_in(cache) == []


def test_a_failure_is_not_remembered(server, cache, body):
    server.body = body[:-10]
    with pytest.raises(DataError):
        fetch(f"{server.url}/good/a.npz", report=silent)
    server.body = body
    assert fetch(f"{server.url}/good/a.npz", report=silent).read_bytes() == body


def test_unreachable(cache, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as reserved:  # bound but not listening, so that nobody answers
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/a.npz"
        with pytest.raises(DataError, match=f"{url}: cannot be fetched: .*refused.*data_dir"):
            fetch(url, report=silent)
    assert files_in(cache) == []


@pytest.mark.parametrize(
    "url, shown, reason",
    [
        ("http://[foo", "http://[foo", "not a valid URL"),
        ("http://[foo/x?token=secret", "http://[foo/x", "not a valid URL"),
        ("http://me:secret@[foo/x", "http://...", "not a valid URL"),
        ("http://me:secret@h\u2100b/x", "http://...", "not a valid URL"),
        ("http://me:secret@h:port/x", "http://h:port/x/a.npz", "not a valid URL"),
        ("http://h/\udcff", "http://h/\udcff", "not a valid URL"),
        ("http://a..invalid/x", "http://a..invalid/x/a.npz", "cannot be fetched"),
        (f"http://{'a' * 64}.invalid/x", f"http://{'a' * 64}.invalid/x/a.npz", "cannot be fetched"),
        ("ftp://me:secret@[foo", "ftp://...", "must be a folder or an http"),
    ],
)
def test_urls_that_cannot_be(cache, url, shown, reason):
    with pytest.raises(DataError, match=reason) as caught:
        load_data_set("a.npz", url, report=silent)
    text = str(caught.value)
    assert text.startswith(f"{shown}: ") and len(text.splitlines()) == 1 and "secret" not in text
    assert files_in(cache) == []


@pytest.mark.parametrize("kind, sized", [("good", True), ("unsized", False)])
@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(server, body, monkeypatch, kind, sized, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    fetch(f"{server.url}/{kind}/a.npz", report=silent)
    shown = stream.getvalue()
    assert ("a.npz: " in shown) == terminal
    assert ("0.00/" in shown) == (terminal and sized)


def test_passwords_and_tokens_are_not_shown(server):
    url = f"{server.url}/missing/a.npz?token=secret".replace("://", "://me:hidden@")
    lines = []
    with pytest.raises(DataError) as caught:
        fetch(url, report=lines.append)
    text = " ".join([str(caught.value), *lines])
    assert "secret" not in text and "hidden" not in text
    assert server.requests == ["/missing/a.npz?token=secret"]


def test_a_cache_that_cannot_be_written(server, cache):
    cache.write_text("a file")
    with pytest.raises(DataError, match="cannot be written.*MAGENTA_SKETCH_CACHE"):
        fetch(f"{server.url}/good/a.npz", report=silent)


@pytest.mark.parametrize("end", ["", "/"])
def test_a_url_as_data_dir(server, end):
    data = load_data_set(["a.npz", "b c.npz"], f"{server.url}/good{end}", report=silent)
    assert len(data.train) == 2 and data.max_seq_len == 2
    assert server.requests == ["/good/a.npz", "/good/b%20c.npz"]


def test_a_damaged_cache_says_what_to_do(server, cache):
    load_data_set("a.npz", f"{server.url}/good", report=silent)
    (path,) = files_in(cache)
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match=f"{path}: not a zip.*delete this cached file"):
        load_data_set("a.npz", f"{server.url}/good", report=silent)


@pytest.mark.parametrize(
    "name",
    ["../a.npz", "x/../../a.npz", "/etc/a.npz", "..", ".", "", "x//a.npz", "..\\a.npz", "a\n.npz"],
)
def test_names_stay_inside_a_url(server, name):
    with pytest.raises(DataError, match="not the name of a file inside"):
        load_data_set([name], f"{server.url}/good", report=silent)
    assert server.requests == []


def test_the_users_cache_folder_is_the_default(monkeypatch, cache):
    assert cache_dir() == cache
    monkeypatch.delenv(download.CACHE_VARIABLE)
    assert "magenta_sketch" in str(cache_dir()) and os.path.isabs(cache_dir())
