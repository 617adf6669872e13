"""Files from ClickMeeting to object storage and back: whole or not at all."""

from __future__ import annotations

import gzip
import logging
import os
import threading
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting import storage
from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import StallError
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    UnexpectedAnswerError,
)
from airflow_clickmeeting.hooks import transport_requests
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

CONTENT = bytes(range(256)) * 12_000  # three pieces


@pytest.fixture(autouse=True)
def memory():
    """Stands in for a bucket; Airflow itself has no such storage."""
    attach("memory", fs=MemoryFileSystem())


@pytest.fixture(params=["file", "memory", "plain", "s3"])
def folder(request, tmp_path):
    """A folder on a disk, in memory, on a disk without a scheme, and on S3; it is not there yet."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket').url}/some/where"
    return {
        "file": f"file://{tmp_path}/some/where",
        "memory": f"memory://{uuid.uuid4().hex}/some/where",
        "plain": f"{tmp_path}/some/where",
    }[request.param]


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "slides of mine.pdf"
    source.write_bytes(CONTENT)
    return source


@pytest.fixture
def file_id(hook, sandbox, source):
    file_id = hook.upload_file(storage.upload(str(source)))["id"]
    sandbox.forget_requests()
    return file_id


def names(folder):
    path = ObjectStoragePath(folder)
    return sorted(each.name for each in path.iterdir()) if path.exists() else []


def content(path):
    with ObjectStoragePath(str(path)).open("rb") as file:
        return file.read()


def test_a_download_is_streamed_to_its_place_and_leaves_nothing_else_behind(hook, file_id, folder):
    done = hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")
    assert (done["size"], done["sha256"]) == (len(CONTENT), sha256(CONTENT).hexdigest())
    assert content(done["path"]) == CONTENT
    assert names(folder) == ["slides.pdf"]


def test_a_second_download_takes_the_firsts_place(hook, file_id, folder):
    for _ in range(2):
        hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")
    assert content(f"{folder}/slides.pdf") == CONTENT
    assert names(folder) == ["slides.pdf"]


def test_a_path_may_be_an_object_storage_path(hook, file_id, folder):
    path = ObjectStoragePath(f"{folder}/slides.pdf")
    assert hook.download(calls.download_file(file_id), path)["path"] == str(path)
    assert content(path) == CONTENT


@pytest.mark.parametrize(
    ("name", "stored_as"),
    [
        ("slides.pdf", "slides.pdf"),
        ("", "download_file"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("a\0b ", "ab"),
    ],
)
def test_into_a_folder_goes_a_file_of_the_given_name_and_never_beside_it(hook, file_id, folder, name, stored_as):
    done = hook.download(calls.download_file(file_id), f"{folder}/", name=name)
    assert content(done["path"]) == CONTENT
    assert names(folder) == [stored_as]


@pytest.mark.parametrize("path", ["", "  ", "None", None, 5])
def test_a_path_that_a_template_rendered_to_nothing_is_refused_before_anything_is_sent(hook, sandbox, path):
    with pytest.raises(ValueError, match="path must be a file, or a folder with a slash at its end; got"):
        hook.download(calls.download_file(1), path)
    assert sandbox.count() == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500}, ClickMeetingError),
        ({"kind": "cut", "after": 1_500_000}, ConnectionFailedError),
        ({"kind": "reset"}, ConnectionFailedError),
        ({"kind": "html"}, UnexpectedAnswerError),
        ({"kind": "empty"}, UnexpectedAnswerError),
        ({"kind": "error200"}, NotFoundError),
    ],
    ids=lambda each: each.get("kind") if isinstance(each, dict) else "",
)
def test_a_download_that_fails_leaves_the_older_file_and_no_part(hook, sandbox, file_id, folder, fault, error):
    older = ObjectStoragePath(f"{folder}/slides.pdf")
    older.parent.mkdir(parents=True, exist_ok=True)
    with older.open("wb") as file:
        file.write(b"older")
    sandbox.fault("download_file", times=None, **fault)
    with pytest.raises(error):
        hook.download(calls.download_file(file_id), older)
    assert content(older) == b"older"
    assert names(folder) == ["slides.pdf"]


@pytest.mark.parametrize(
    "fault", [{"kind": "cut", "after": 1_500_000}, {"kind": "reset"}, {"kind": "429", "retry_after": 0}]
)
def test_a_download_that_breaks_off_begins_anew(hook, sandbox, file_id, folder, fault):
    sandbox.fault("download_file", times=2, **fault)
    assert hook.download(calls.download_file(file_id), f"{folder}/slides.pdf")["size"] == len(CONTENT)
    assert content(f"{folder}/slides.pdf") == CONTENT
    assert sandbox.count("download_file") == 3


def test_while_it_is_written_a_file_is_a_part(folder):
    target = ObjectStoragePath(f"{folder}/slides.pdf")
    with storage.open_atomic(target) as file:
        file.write(b"half")
        assert not target.exists()
    assert content(target) == b"half"
    assert names(folder) == ["slides.pdf"]


def test_a_writer_that_is_interrupted_leaves_no_part(folder):
    def write_half():
        with storage.open_atomic(ObjectStoragePath(f"{folder}/slides.pdf")) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert names(folder) == []


@pytest.mark.parametrize("size", [2999, 3000, 3001])
def test_a_size_that_the_response_confirms_is_right_whatever_the_list_says(hook, sandbox, folder, size, caplog, mocker):
    mocker.patch.object(ClickMeetingHook, "log", logging.getLogger("task"))
    room_id = sandbox.add_room(permanent_room=True)["id"]
    sandbox.add_recording(room_id, size=3000)
    (recording,) = hook.list_recordings(room_id)
    assert hook.download_link(recording["recording_url"], f"{folder}/talk.mp4", size=size)["size"] == 3000
    warning = f"ClickMeeting lists {size} bytes, but 3000 were announced and arrived; the list is wrong"
    assert (warning in caplog.text) is (size != 3000)


@pytest.mark.parametrize(("mode", "digits"), [(None, "644"), ("600", "600"), (0o640, "640")])
def test_who_may_read_a_downloaded_file(hook, file_id, tmp_path, mode, digits):
    before = os.umask(0o022)
    hook.download(calls.download_file(file_id), f"{tmp_path}/slides.pdf", file_mode=mode)
    os.umask(before)
    assert f"{(tmp_path / 'slides.pdf').stat().st_mode & 0o777:o}" == digits


def test_json_is_no_file_also_for_a_call_that_takes_any_json(hook, tmp_path):
    with pytest.raises(UnexpectedAnswerError, match="the response has no file"):
        hook.download(Call("GET", "ping", raw=True), f"{tmp_path}/ping")
    assert names(tmp_path) == []


def test_a_link_that_has_expired_is_an_error(hook, sandbox, folder):
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start)["id"]
    sandbox.add_recording(room_id, size=3000)
    (recording,) = hook.list_recordings(room_id)
    sandbox.advance(timedelta(minutes=6))
    with pytest.raises(ClickMeetingError, match="HTTP 410") as error:
        hook.download_link(recording["recording_url"], f"{folder}/talk.mp4")
    assert error.value.code == 410


def test_a_file_goes_up_under_its_own_name_or_another(client, source):
    assert client.ask("upload_file", storage.upload(str(source)))["name"] == "slides of mine.pdf"
    assert client.ask("upload_file", storage.upload(f"file://{source}", name="a/b.pdf"))["name"] == "b.pdf"


def test_a_file_goes_up_whole_also_at_the_second_attempt(client, sandbox, source):
    sandbox.fault("upload_file", "429", times=2, retry_after=0)
    stored = client.ask("upload_file", storage.upload(ObjectStoragePath(f"file://{source}")))
    assert sandbox.count("upload_file") == 3
    assert client.ask("download_file", stored["id"]) == CONTENT


def test_a_file_may_come_from_memory(client):
    path = f"memory://{uuid.uuid4().hex}/slides.pdf"
    with storage.open_atomic(ObjectStoragePath(path)) as file:
        file.write(CONTENT)
    assert client.ask("download_file", client.ask("upload_file", storage.upload(path))["id"]) == CONTENT


def test_what_goes_wrong_with_the_file_itself_is_raised_as_it_is(client, sandbox):
    def gone():
        raise RuntimeError("the bucket is gone")

    with pytest.raises(RuntimeError, match="the bucket is gone"):
        client.ask("upload_file", Upload("slides.pdf", 5, gone))
    assert sandbox.state["counts"]["files"] == 0


@pytest.mark.parametrize("missing", ["nothing.pdf", "folder", "folder/"])
def test_a_file_that_is_not_there_is_refused(tmp_path, missing):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="path must be a file that exists; there is none at"):
        storage.upload(f"{tmp_path}/{missing}")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.pdf").touch()
    with pytest.raises(ValueError, match=r"path must be a file with something in it; '.*empty.pdf' is empty\."):
        storage.upload(f"{tmp_path}/empty.pdf")


def test_a_file_is_never_whole_in_memory(hook, sandbox, tmp_path):
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start)["id"]
    sandbox.add_recording(room_id, size=64 << 20)
    (recording,) = hook.list_recordings(room_id)
    tracemalloc.start()
    hook.download_link(recording["recording_url"], f"{tmp_path}/talk.mp4")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert Path(f"{tmp_path}/talk.mp4").stat().st_size == 64 << 20
    assert peak < 16 << 20


# --- one file and not two ---------------------------------------------------------------------------------------------

OTHER = CONTENT[::-1]
CUT = 1_500_000
ETAG, OTHER_ETAG = {"ETag": '"v1"'}, {"ETag": '"v2"'}
DATED = {"Last-Modified": "Mon, 01 Mar 2027 11:59:00 GMT", "Date": "Mon, 01 Mar 2027 12:00:00 GMT"}

Answer = Callable[[BaseHTTPRequestHandler], object]


class FileHost:
    """A server that gives the answers in their order, and the last one again; `asked` has the headers of each request.

    An answer gets the handler of its request.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[Any] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                host.asked.append(self.headers)
                self.close_connection = True
                host.answers[min(len(host.asked), len(host.answers)) - 1](self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # the client may go at any time
        self.url = f"http://127.0.0.1:{self.server.server_port}/talk.mp4"

    @property
    def ranges(self) -> list[str | None]:
        return [headers["Range"] for headers in self.asked]


@pytest.fixture
def host(sandbox) -> Iterator[FileHost]:
    host = FileHost()
    thread = threading.Thread(target=host.server.serve_forever, args=(0.01,))
    thread.start()
    yield host
    host.server.shutdown()
    thread.join()
    host.server.server_close()


def give(status: int, headers: dict[str, str], body: bytes = b"") -> Answer:
    """Send an answer with these headers only, and end the connection after the body, however long it should be."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def whole(content: bytes, headers: dict[str, str], *, cut: int | None = None) -> Answer:
    return give(200, {"Content-Type": "video/mp4", "Content-Length": str(len(content)), **headers}, content[:cut])


def rest(content: bytes, headers: dict[str, str], **changed: Any) -> Answer:
    """Send what the request asks for, whatever its `If-Range` says; or another `start`, or another `total`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        start = changed.get("start", int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-")))
        total = changed.get("total", len(content))
        part = content[start:]
        span = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{total}", "Content-Length": str(len(part))}
        give(206, {"Content-Type": "video/mp4", **headers, **span}, part)(handler)

    return answer


@pytest.mark.parametrize(("headers", "version"), [(ETAG, '"v1"'), (DATED, DATED["Last-Modified"])])
def test_the_rest_of_a_file_is_asked_for_by_its_version(hook, host, tmp_path, headers, version):
    host.answers = [whole(CONTENT, headers, cut=CUT), rest(CONTENT, headers)]
    done = hook.download_link(host.url, f"{tmp_path}/talk.mp4")
    assert (done["size"], done["sha256"]) == (len(CONTENT), sha256(CONTENT).hexdigest())
    assert content(f"{tmp_path}/talk.mp4") == CONTENT
    first, second = host.asked
    assert (first["Range"], first["If-Range"], second["If-Range"]) == (None, None, version)
    assert 0 < int(second["Range"].removeprefix("bytes=").removesuffix("-")) <= CUT
    assert [headers["Accept-Encoding"] for headers in host.asked] == ["identity"] * 2


@pytest.mark.parametrize(
    "headers",
    [{}, {"ETag": 'W/"v1"'}, {"ETag": "v1"}, {"Last-Modified": DATED["Last-Modified"]}, {"ETag": 'W/"1"', **DATED}],
)
def test_a_file_without_a_reliable_version_starts_again(hook, host, tmp_path, headers):
    host.answers = [whole(CONTENT, headers, cut=CUT), whole(OTHER, headers)]
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4")["sha256"] == sha256(OTHER).hexdigest()
    assert host.ranges == [None, None]


def test_a_file_that_changed_starts_again(hook, host, tmp_path):
    host.answers = [whole(CONTENT, ETAG, cut=CUT), whole(OTHER, OTHER_ETAG)]
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4")["sha256"] == sha256(OTHER).hexdigest()
    assert content(f"{tmp_path}/talk.mp4") == OTHER
    assert len(host.asked) == 2


@pytest.mark.parametrize(
    "odd",
    [
        rest(OTHER, OTHER_ETAG),
        rest(OTHER, {}),
        rest(OTHER, {"ETag": 'W/"v1"'}),
        rest(OTHER, ETAG, start=0),
        rest(OTHER, ETAG, start=CUT + 1),
        rest(OTHER + b"more", ETAG),
        rest(OTHER[:-1], ETAG, total=len(OTHER)),
        rest(OTHER, ETAG, total="*"),
        give(206, {"Content-Length": "3", **ETAG}, b"odd"),
        give(416, {"Content-Range": "bytes */1000", "Content-Length": "0"}),
    ],
)
def test_a_rest_that_is_not_proved_to_be_of_the_same_file_is_left_and_the_file_starts_again(hook, host, tmp_path, odd):
    host.answers = [whole(CONTENT, ETAG, cut=CUT), odd, whole(OTHER, OTHER_ETAG)]
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4")["sha256"] == sha256(OTHER).hexdigest()
    assert content(f"{tmp_path}/talk.mp4") == OTHER
    assert [bool(asked) for asked in host.ranges] == [False, True, False]


def test_an_error_on_the_way_does_not_throw_away_what_has_arrived(hook, host, tmp_path):
    busy = give(503, {"Content-Type": "text/html", "Content-Length": "6", "ETag": '"error"'}, b"<html>")
    host.answers = [whole(CONTENT, ETAG, cut=CUT), busy, rest(CONTENT, ETAG)]
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4")["sha256"] == sha256(CONTENT).hexdigest()
    assert host.ranges[1] == host.ranges[2] != None  # noqa: E711


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (give(206, {"Content-Range": "bytes 0-2/3", "Content-Length": "3"}, b"odd"), "HTTP 206 with a part of a file"),
        (give(204, {}), "HTTP 204 with an empty body"),
        (give(200, {"Content-Length": "0"}), "HTTP 200 with an empty body"),
        (
            give(200, {"Content-Type": "application/problem+json", "Content-Length": "14"}, b'{"title": "no"}'[:14]),
            "HTTP 200 with no file: ",
        ),
        (
            give(200, {"Content-Type": "application/xhtml+xml", "Content-Length": "6"}, b"<html>"),
            "HTTP 200 with no file",
        ),
        (give(200, {"Content-Length": "6"}, b"<HTML>"), "HTTP 200 with no file"),
    ],
)
def test_what_is_no_file_leaves_the_older_one(hook, host, tmp_path, answer, message):
    (tmp_path / "talk.mp4").write_bytes(b"older")
    host.answers = [answer]
    with pytest.raises(UnexpectedAnswerError, match=message):
        hook.download_link(host.url, f"{tmp_path}/talk.mp4")
    assert content(f"{tmp_path}/talk.mp4") == b"older"
    assert names(tmp_path) == ["talk.mp4"]
    assert len(host.asked) == 1


def chunked(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("size", [3, 5])
def test_another_size_than_that_of_the_list_that_nothing_confirms_is_an_error(hook, host, tmp_path, size):
    host.answers = [give(200, {"Content-Type": "video/mp4", "Transfer-Encoding": "chunked"}, chunked(b"four"))]
    with pytest.raises(UnexpectedAnswerError, match=f"download_link: 4 bytes arrived instead of {size}"):
        hook.download_link(host.url, f"{tmp_path}/talk.mp4", size=size)
    assert names(tmp_path) == []
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4", size=4)["size"] == 4


def test_a_file_that_is_compressed_all_the_same_is_unpacked(hook, host, tmp_path):
    packed = gzip.compress(CONTENT)
    host.answers = [whole(packed, ETAG | {"Content-Encoding": "gzip"})]
    assert hook.download_link(host.url, f"{tmp_path}/talk.mp4", size=len(CONTENT))["size"] == len(CONTENT)
    assert content(f"{tmp_path}/talk.mp4") == CONTENT


# --- downloads that stall ---------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(sandbox, connect, mocker) -> Callable[[float, int], ClickMeetingHook]:
    """Make a hook that waits some seconds for the next bytes, and makes some attempts."""

    def impatient(seconds: float, attempts: int) -> ClickMeetingHook:
        mocker.patch.object(transport_requests, "STALL_SECONDS", seconds)
        connect(sandbox, extra={"timeout": seconds, "max_attempts": attempts})
        return ClickMeetingHook()

    return impatient


def drip(before: bytes) -> Answer:
    """Send some bytes, and then one after the other until the client goes, so that no single read takes long."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        while not threading.Event().wait(0.01):
            handler.wfile.write(b"x")

    return answer


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\nX-Header: ",
    ],
    ids=["body", "chunk", "chunk size", "header"],
)
def test_a_byte_now_and_then_does_not_hold_a_worker(impatient, host, tmp_path, before):
    host.answers = [drip(before)]
    with pytest.raises(ConnectionFailedError, match=r"the download stalled: fewer than 65536 bytes arrived in 0\.2 s"):
        impatient(0.2, 2).download_link(host.url, f"{tmp_path}/talk.mp4")
    assert len(host.asked) == 2
    assert names(tmp_path) == []


def test_a_download_that_stalled_goes_on_where_it_stopped(impatient, host, tmp_path):
    head = f'HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\nETag: "v1"\r\n\r\n'.encode()
    host.answers = [drip(head + CONTENT[:CUT]), rest(CONTENT, ETAG)]
    assert impatient(1, 5).download_link(host.url, f"{tmp_path}/talk.mp4")["sha256"] == sha256(CONTENT).hexdigest()
    assert host.ranges[1] is not None


class Line:
    """A socket at which bytes take some time, by a clock that only the test moves."""

    def __init__(self, timeout: float | None) -> None:
        self.now = 0.0
        self.seconds_per_read, self.bytes_per_read = 0.0, 0
        self.timeout = timeout
        self.raw = self

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, timeout: float) -> None:
        self.wait = timeout

    def readinto(self, buffer: bytearray) -> int:
        self.now += min(self.seconds_per_read, self.wait)
        if self.seconds_per_read > self.wait:
            raise TimeoutError
        return self.bytes_per_read


@pytest.fixture
def line(mocker) -> Line:
    line = Line(60.0)
    mocker.patch.object(transport_requests, "time", SimpleNamespace(monotonic=lambda: line.now))
    return line


def minutes_of(reader: Any, line: Line, reads: int = 100_000) -> float:
    """Read, and return after how many minutes that is an error; infinity if it is none."""
    try:
        for _ in range(reads):
            reader.readinto(bytearray(1 << 16))
    except StallError:
        return line.now / 60
    return float("inf")


@pytest.mark.parametrize(
    ("seconds", "count", "minutes"),
    [
        (1, 1, 1),
        (1, 1092, 1),
        (1, 1093, float("inf")),
        (50, 1 << 16, float("inf")),
        (59, 1, 1),
        (0, 1 << 16, float("inf")),
    ],
)
def test_a_download_needs_64_kib_a_minute_and_may_take_any_time(line, seconds, count, minutes):
    reader = transport_requests._StallReader(line, line)
    line.seconds_per_read, line.bytes_per_read = seconds, count
    assert minutes_of(reader, line) == minutes


def test_a_longer_timeout_of_the_connection_is_the_window(line):
    line.timeout = 300.0
    reader = transport_requests._StallReader(line, line)
    line.seconds_per_read, line.bytes_per_read = 1, 1
    assert minutes_of(reader, line) == 5


def test_the_time_that_storing_takes_does_not_count(line):
    reader = transport_requests._StallReader(line, line)
    line.seconds_per_read, line.bytes_per_read = 50, 1 << 10
    for _ in range(9):
        line.seconds_per_read, line.bytes_per_read = 0.5, 1 << 10
        reader.readinto(bytearray(1 << 16))
        line.now += 3600  # such as a part of an upload to an object storage
    line.seconds_per_read = 60
    assert minutes_of(reader, line) == pytest.approx((9 * 3600.5 + 55.5) / 60)


def test_requests_that_a_user_sends_with_the_session_have_the_limits_of_the_user_only(impatient, host, tmp_path):
    slow = drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    host.answers = [slow]
    found: list[int] = []

    def read() -> None:
        with impatient(0.1, 1).get_conn().get(host.url, stream=True) as response:
            found.append(sum(map(len, islice(response.iter_content(1), 20))))

    thread = threading.Thread(target=read)  # in which nothing was downloaded before
    thread.start()
    thread.join(30)
    assert found == [20]
