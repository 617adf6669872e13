"""Tests of the file host: a second origin, links that expire, range requests and predictable bytes."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import httpx
import pytest

from airflow_clickmeeting.sandbox.media import recording_bytes


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, verify=False)


@pytest.fixture
def recording(api, finished):
    return api.get(f"conferences/{finished[0]}/recordings").json()[0]


@pytest.fixture
def content(recording):
    return b"".join(recording_bytes(recording["id"], 0, 3_000_000))


def test_links_lead_to_another_origin_and_need_no_key(api, sandbox, finished, recording, content):
    url = recording["recording_url"]
    assert httpx.URL(url).port != httpx.URL(sandbox.url).port
    answer = get(url)
    assert answer.content == content
    assert answer.headers["content-length"] == "3000000"
    assert answer.headers["content-type"] == "video/mp4"
    room = api.get(f"conferences/{finished[0]}").json()["conference"]
    assert get(room["recorder_list"][0]).content == content


def test_the_file_host_logs_the_headers_of_its_requests(sandbox, recording):
    get(recording["recording_url"])
    get(recording["recording_url"], **{"X-Api-Key": "leaked"})
    assert sandbox.count("media") == 2
    assert [entry["headers"].get("x-api-key") for entry in sandbox.log("media")] == [None, "(another key)"]


def test_links_work_for_five_minutes(api, sandbox, recording):
    url = recording["recording_url"]
    sandbox.advance(timedelta(seconds=295))
    assert get(url).status_code == 200
    sandbox.advance(timedelta(seconds=10))
    assert get(url).status_code == 410
    sandbox.switch(expired_link="403")
    assert get(url).status_code == 403
    assert get(api.get("conferences/recordings").json()[0]["recording_url"]).status_code == 200


def test_a_fast_clock_does_not_shorten_the_life_of_links(sandbox, recording, api):
    sandbox.set_speed(20_000)
    url = api.get("conferences/recordings").json()[0]["recording_url"]
    before = sandbox.now
    while sandbox.now < before + timedelta(minutes=6):
        pass
    assert get(url).status_code == 200
    sandbox.advance(timedelta(days=1))
    assert get(url).status_code == 410


def test_links_cannot_be_forged(recording):
    url = httpx.URL(recording["recording_url"])
    assert get(str(url.copy_set_param("e", "9999999999"))).status_code == 403
    assert get(str(url.copy_set_param("e", "soon"))).status_code == 403
    assert get(str(url.copy_set_param("st", "ż"))).status_code == 403
    assert get(str(url.copy_with(query=None))).status_code == 403
    assert get(str(url.copy_with(path="/other"))).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1048570-1048590", 1_048_570, 1_048_591),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-10", 2_999_990, 3_000_000),
        ("bytes=2999990-9999999", 2_999_990, 3_000_000),
    ],
)
def test_ranges(recording, content, wanted, first, last):
    answer = get(recording["recording_url"], Range=wanted)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/3000000"
    assert answer.content == content[first:last]


def test_ranges_that_cannot_be_served(sandbox, recording):
    url = recording["recording_url"]
    beyond = get(url, Range="bytes=3000000-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */3000000")
    assert get(url, Range="lines=1-2").status_code == 200
    assert get(url, Range="bytes=0-9", **{"If-Range": '"another"'}).status_code == 200
    tag = get(url, Range="bytes=0-9").headers["etag"]
    assert get(url, Range="bytes=0-9", **{"If-Range": tag}).status_code == 206
    sandbox.switch(ranges=False)
    whole = get(url, Range="bytes=0-9")
    assert (whole.status_code, len(whole.content)) == (200, 3_000_000)
    assert "accept-ranges" not in whole.headers


def test_a_range_may_depend_on_the_version_of_the_file(recording, content):
    url = recording["recording_url"]
    first = get(url, Range="bytes=0-9")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    assert get(url).headers["etag"] == tag
    for condition in (tag, date):
        part = get(url, Range="bytes=10-", **{"If-Range": condition})
        assert (part.status_code, part.content) == (206, content[10:])
        assert (part.headers["etag"], part.headers["last-modified"]) == (tag, date)
    for condition in (f"W/{tag}", tag.strip('"'), "Mon, 01 Jan 2035 00:00:00 GMT", "*"):
        whole = get(url, Range="bytes=10-", **{"If-Range": condition})
        assert (whole.status_code, whole.content) == (200, content)
        assert "content-range" not in whole.headers


def test_a_changed_file_is_not_continued(sandbox, recording, content):
    url = recording["recording_url"]
    old = get(url, Range="bytes=0-9").headers
    sandbox.fault("media", "changed_file")
    for condition in (old["etag"], old["last-modified"]):
        whole = get(url, Range="bytes=10-", **{"If-Range": condition})
        assert (whole.status_code, len(whole.content)) == (200, 3_000_000)
        assert whole.content == b"".join(recording_bytes(recording["id"], 0, 3_000_000, version=1))
        assert all(new != was for new, was in zip(whole.content[:1000], content[:1000], strict=True))
        assert whole.headers["etag"] != old["etag"]
        assert whole.headers["last-modified"] != old["last-modified"]
    new = get(url, Range="bytes=10-19", **{"If-Range": whole.headers["etag"]})
    assert (new.status_code, new.content) == (206, whole.content[10:20])


def test_a_file_may_change_again_and_again_and_an_upload_too(api, sandbox):
    made = api.post("file-library", files={"uploaded": ("slides.pdf", b"%PDF")}).json()
    url = api.get(f"file-library/{made['id']}").json()["url"]
    sandbox.fault("media", "changed_file", skip=1, times=None)
    seen = [get(url) for _ in range(3)]
    assert [answer.content for answer in seen] == [b"%PDF", b"&QEG", b"'RFH"]
    assert len({answer.headers["etag"] for answer in seen}) == 3
    assert len({answer.headers["last-modified"] for answer in seen}) == 3


def test_a_head_request_returns_no_bytes(recording):
    answer = httpx.head(recording["recording_url"], trust_env=False)
    assert answer.headers["content-length"] == "3000000"


def test_uploads_keep_their_bytes(api, sandbox):
    content = bytes(range(256)) * 20_000
    made = api.post("file-library", files={"uploaded": ("film.mp4", content)}).json()
    download = api.get(f"file-library/{made['id']}/download")
    assert hashlib.sha256(download.content).digest() == hashlib.sha256(content).digest()
    url = api.get(f"file-library/{made['id']}").json()["url"]
    assert get(url, Range="bytes=2097150-2097160").content == content[2_097_150:2_097_161]
    assert api.post("file-library", data={"uploaded": "no file"}).status_code == 422
    sandbox.switch(media_redirect=True)
    redirect = api.get(f"file-library/{made['id']}/download")
    assert redirect.status_code == 302
    assert get(redirect.headers["location"]).content == content


def test_an_image_is_converted_at_once(api):
    made = api.post("file-library", files={"uploaded": ("logo.png", b"png")}).json()
    listed = api.get(f"file-library/{made['id']}").json()
    assert (listed["document_type"], listed["status"], listed["conversion_progress"]) == ("image", "converted", 0)


def test_a_recording_may_be_huge_and_come_later(api, sandbox, room):
    size = 5 << 40
    ready = sandbox.now + timedelta(hours=1)
    made = sandbox.add_recording(room, size=size, name="Long", ready_at=ready)
    assert api.get("conferences/recordings").json() == []
    sandbox.advance(timedelta(hours=1))
    (recording,) = api.get("conferences/recordings").json()
    assert (recording["id"], recording["recording_file_size"]) == (made, str(size))
    tail = get(recording["recording_url"], Range="bytes=-100")
    assert tail.content == b"".join(recording_bytes(made, size - 100, size))
