"""Personal links for the people of a list: which they are, that they let people in, and who can read them."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, ObjectStoragePath
from airflow.sdk.io import attach
from airflow_versions import redact
from fsspec.implementations.memory import MemoryFileSystem
from thorough import everyday

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundError,
    ServerError,
    ValidationError,
)
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.links import ClickMeetingExportJoinLinksOperator as JoinLinks

ADA = {"email": "ada@example.com", "First Name": "Ada", "Last Name": "Lovelace"}
BOB = {"email": "Bob@example.com", "nickname": "Bob"}


def crowd(count: int) -> list[dict[str, str]]:
    return [{"email": f"visitor{number}@example.com", "name": f"Visitor {number}"} for number in range(1, count + 1)]


@pytest.fixture
def room(clickmeeting_sandbox) -> dict[str, Any]:
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})


@pytest.fixture
def token_room(clickmeeting_sandbox) -> dict[str, Any]:
    """A room by token, with a token for Ada and one for Bob, and one that nobody got."""
    room = clickmeeting_sandbox.add_room(name="Members", permanent_room=True, access_type="3")
    hook = ClickMeetingHook()
    hook.generate_tokens(room["id"], how_many=3)
    hook.send_invitation(room["id"], attendees=["ADA@example.com", "bob@example.com"])
    return room


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "links.csv"


@pytest.fixture
def link(room, path):
    """Get links, and return the result."""

    def link(people: Any, **more: Any) -> dict[str, Any]:
        given = {"room_id": room["id"], "people": people, "path": str(path), **more}
        result = JoinLinks(task_id="link", **given).execute({})
        assert "@" not in json.dumps(result)
        assert "clickmeeting.example" not in json.dumps(result)
        return json.loads(json.dumps(result))

    return link


@pytest.fixture
def rows(path):
    def rows(other: Path | None = None) -> list[dict[str, str]]:
        return list(csv.DictReader((other or path).read_text().splitlines()))

    return rows


def tokens_of(sandbox, room) -> dict[str, str]:
    (found,) = [each for each in sandbox.state["rooms"] if each["id"] == room["id"]]
    return {each["sent_to_email"].lower(): each["token"] for each in found["tokens"] if each["sent_to_email"]}


def test_auto_login_links(link, room, rows, path, clickmeeting_sandbox):
    assert link([ADA, BOB, {"email": "ADA@example.com"}], role="presenter") == {
        "path": str(path),
        "format": "csv",
        "room_id": room["id"],
        "link_type": "autologin",
        "rows": 3,
        "links": 2,
        "duplicates": 1,
        "failures": [],
        "failure_count": 0,
    }
    ada, bob = rows()
    assert list(ada) == ["row", "email", "nickname", "link"]
    assert (ada["row"], ada["email"], ada["nickname"]) == ("1", "ada@example.com", "Ada Lovelace")
    assert (bob["row"], bob["email"], bob["nickname"]) == ("2", "Bob@example.com", "Bob")
    assert all(each["link"].startswith(f"{room['room_url']}?l=") for each in (ada, bob))
    assert ada["link"] != bob["link"]
    sent = [entry["form"] for entry in clickmeeting_sandbox.log("generate_autologin_url")]
    assert {(form["email"], form["nickname"], form["role"]) for form in sent} == {
        ("ada@example.com", "Ada Lovelace", "presenter"),
        ("Bob@example.com", "Bob", "presenter"),
    }


def test_a_room_with_a_password(link, clickmeeting_sandbox, path):
    room = clickmeeting_sandbox.add_room(permanent_room=True, access_type="2", password="mellon")
    with pytest.raises(ValueError, match=r"^password is missing: room [0-9]+ lets people in by password\."):
        link([ADA], room_id=room["id"])
    with pytest.raises(AirflowException, match=r"1 of 1 rows failed .*: row 1: generate_autologin"):
        link([ADA], room_id=room["id"], password="friend")
    assert link([ADA], room_id=room["id"], password="mellon")["links"] == 1


def test_auto_login_takes_the_token_of_each(link, token_room, clickmeeting_sandbox):
    result = link([ADA, BOB, *crowd(1)], room_id=token_room["id"], max_failures=99)
    assert result["failures"] == [{"row": 3, "reason": "no token was sent to this address"}]
    forms = [entry["form"] for entry in clickmeeting_sandbox.log("generate_autologin_url")]
    assert {form["email"].lower(): form["token"] for form in forms} == tokens_of(clickmeeting_sandbox, token_room)


def test_tokens(link, token_room, rows, clickmeeting_sandbox):
    result = link([ADA, BOB], room_id=token_room["id"], link_type="token")
    assert (result["links"], clickmeeting_sandbox.count("get_token_by_email")) == (2, 0)
    tokens = tokens_of(clickmeeting_sandbox, token_room)
    assert [(row["email"].lower(), row["token"], row["link"]) for row in rows()] == [
        (email, tokens[email], f"{token_room['room_url']}/{tokens[email]}")
        for email in ("ada@example.com", "bob@example.com")
    ]


@pytest.mark.parametrize("token_answer", ["array", "object", "string"])
def test_tokens_that_the_list_does_not_tell_are_asked_for(
    link, token_room, rows, mocker, clickmeeting_sandbox, token_answer
):
    clickmeeting_sandbox.switch(token_answer=token_answer)
    tokens = tokens_of(clickmeeting_sandbox, token_room)
    mocker.patch.object(ClickMeetingHook, "list_tokens", return_value=[])
    link([ADA, BOB], room_id=token_room["id"], link_type="token")
    assert [row["token"] for row in rows()] == [tokens["ada@example.com"], tokens["bob@example.com"]]


def test_a_room_without_tokens(link):
    with pytest.raises(ValidationError, match="not protected by tokens"):
        link([ADA], link_type="token")


def test_registrations(link, room, rows):
    answer = ClickMeetingHook().register_participant(room["id"], registration={1: "Ada", 2: "L", 3: "ADA@example.com"})
    result = link([ADA, BOB], link_type="registration", max_failures="99")
    assert result["failures"] == [{"row": 2, "reason": "nobody with this address is registered"}]
    assert rows() == [{"row": "1", "email": "ada@example.com", "nickname": "Ada Lovelace", "link": answer["url"]}]


def test_registrations_whose_links_clickmeeting_does_not_tell(link, room, mocker):
    listed = [{"id": 1, "email": "ada@example.com", "visitor_nickname": "Ada"}]
    mocker.patch.object(ClickMeetingHook, "fetched", return_value=lambda: listed)
    result = link([ADA], link_type="registration", max_failures=99)
    assert result["failures"][0]["reason"] == "ClickMeeting does not return the link of this registration"


def test_a_room_without_registration(link, clickmeeting_sandbox, path):
    room = clickmeeting_sandbox.add_room(permanent_room=True)
    with pytest.raises(ValidationError, match="REGISTRATION_DISABLED"):
        link([ADA], room_id=room["id"], link_type="registration")
    assert not path.exists()


def test_a_second_run_makes_auto_login_links_anew_and_leaves_the_others(link, token_room, path):
    link([ADA])
    first = path.read_bytes()
    link([ADA])
    assert path.read_bytes() != first
    link([ADA], room_id=token_room["id"], link_type="token")
    first = path.read_bytes()
    link([ADA], room_id=token_room["id"], link_type="token")
    assert path.read_bytes() == first


# --- who has no link ----------------------------------------------------------------------------------------


def test_who_is_skipped_is_told_by_row_and_fails_the_task_in_the_end(link, tmp_path, rows):
    people = [
        "email,name",
        "ada@example.com,Ada",
        "eve(at)example.com,Eve",
        "bob@example.com,",
        "a,b,c",
        "x@example.com,X",
    ]
    (tmp_path / "people.csv").write_text("\n".join(people))
    skipped = [
        {"row": 3, "reason": "email is not an e-mail address"},
        {"row": 5, "reason": "it has 3 cells, and the header has 2"},
        {"row": 4, "reason": "it has no nickname and no name for others to see"},
    ]
    with pytest.raises(AirflowException) as error:
        link(f"{tmp_path}/people.csv")
    assert str(error.value).startswith(
        "3 of 5 rows failed (max_failures=0): row 3: email is not an e-mail address; row 5: "
    )
    assert "@" not in str(error.value)
    assert [row["row"] for row in rows()] == ["2", "6"]
    result = link(f"{tmp_path}/people.csv", max_failures=99)
    assert (result["failures"], result["failure_count"], result["rows"], result["links"]) == (skipped, 3, 5, 2)


def test_what_clickmeeting_refuses_of_one_is_skipped(link, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("generate_autologin_url", "status", skip=3, status=422)
    clickmeeting_sandbox.fault("generate_autologin_url", "html", skip=3)
    result = link(crowd(10), max_failures=99, max_parallel=1)
    assert (result["links"], [each["row"] for each in result["failures"]]) == (8, [4, 5])


@pytest.mark.parametrize(
    ("people", "link_type", "retried"),
    [
        ([{"email": "eve@example.com"}], "autologin", False),
        ([{"email": "eve(at)example.com", "name": "Eve"}], "autologin", False),
        ([{"email": "eve@example.com", "name": "Eve"}], "registration", True),
        ([{"email": "eve(at)example.com"}, {"email": "eve@example.com", "name": "Eve"}], "registration", True),
    ],
)
def test_what_a_retry_would_find_again_is_not_retried(link, people, link_type, retried):
    with pytest.raises(AirflowException, match=rf"^{len(people)} of {len(people)} rows failed") as error:
        link(people, link_type=link_type)
    assert isinstance(error.value, AirflowFailException) is not retried


@pytest.mark.parametrize("link_type", ["token", "autologin", "registration"])
def test_a_person_is_found_however_the_address_is_spelled(link, token_room, room, rows, link_type):
    hook = ClickMeetingHook()
    hook.send_invitation(token_room["id"], attendees=["Eve@BÜCHER.example.com"])
    hook.register_participant(room["id"], registration={1: "Eve", 2: "E", 3: "Eve@BÜCHER.example.com"})
    room_id = (room if link_type == "registration" else token_room)["id"]
    eve = {"email": "eve@xn--bcher-kva.example.com", "name": "Eve"}
    assert link([eve], room_id=room_id, link_type=link_type)["links"] == 1
    assert rows()[0]["email"] == "eve@xn--bcher-kva.example.com"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 401}, AuthenticationError),
        ({"kind": "status", "status": 500}, ServerError),
        ({"kind": "status", "status": 503, "times": None}, ServerError),
        ({"kind": "reset", "times": None}, ConnectionFailedError),
    ],
)
def test_what_is_wrong_with_all_fails_the_task_and_leaves_the_older_file(link, path, clickmeeting_sandbox, fault, kind):
    path.write_text("older")
    clickmeeting_sandbox.fault("generate_autologin_url", **fault, skip=5)
    with pytest.raises(kind):
        link(crowd(200), max_failures=99)
    assert path.read_text() == "older"
    assert [*path.parent.iterdir()] == [path]
    assert clickmeeting_sandbox.count("generate_autologin_url") < 100


def test_storms_are_sat_out(link, clickmeeting_sandbox):
    for kind, options in {"lost": {}, "reset": {}, "429": {}, "status": {"status": 503}}.items():
        clickmeeting_sandbox.fault("generate_autologin_url", kind, times=3, skip=7, **options)
    assert link(crowd(60))["links"] == 60


def test_a_room_that_is_gone(link, path):
    with pytest.raises(NotFoundError):
        link([ADA], room_id=99)
    assert not path.exists()


# --- the file -----------------------------------------------------------------------------------------------


def test_links_are_in_the_order_of_the_list(link, rows):
    link(crowd(100), max_parallel="16")
    assert [row["email"] for row in rows()] == [each["email"] for each in crowd(100)]
    assert len({row["link"] for row in rows()}) == 100


@pytest.mark.parametrize("name", ["links.jsonl", "links.jsonl.gz", "links.csv.gz", "links"])
def test_formats(link, tmp_path, name):
    more = {"file_format": "jsonl"} if name == "links" else {}
    result = link([ADA, *crowd(1)], path=f"{tmp_path}/{name}", **more)
    content = (tmp_path / name).read_bytes()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    if "csv" in name:
        assert text.startswith("row,email,nickname,link\r\n1,ada@example.com,Ada Lovelace,https://")
    else:
        assert json.loads(text.splitlines()[1])["row"] == 2
    assert result["format"] == (name.removeprefix("links.") if more == {} else "jsonl")


def test_a_folder(link, room, tmp_path):
    assert link([ADA], path=f"{tmp_path}/out/")["path"] == f"{tmp_path}/out/links-{room['id']}.csv"


@pytest.mark.parametrize(("escape", "nickname"), [({}, "'=1+1"), ({"escape_formulas": "no"}, "=1+1")])
def test_formulas_are_escaped_unless_that_is_not_wanted(link, rows, escape, nickname):
    link([BOB | {"nickname": "=1+1"}], **escape)
    assert [row["nickname"] for row in rows()] == [nickname]


def test_a_list_in_another_encoding(link, rows, tmp_path):
    (tmp_path / "people.csv").write_bytes("nickname;email\nŻaneta Gęślą;zaneta@example.com\n".encode("cp1250"))
    link(f"{tmp_path}/people.csv", encoding="cp1250")
    assert [row["nickname"] for row in rows()] == ["Żaneta Gęślą"]
    with pytest.raises(ValueError, match=r"row 2: it is not UTF-8; .* or set encoding to that of the file, such as"):
        link(f"{tmp_path}/people.csv")


@pytest.mark.parametrize(
    ("mode", "digits"), [(None, "600"), ("640", "640"), (0o640, "640"), ("0o644", "644"), ("0400", "400")]
)
def test_who_may_read_the_file(link, path, mode, digits):
    link([ADA], **({} if mode is None else {"file_mode": mode}))
    assert f"{path.stat().st_mode & 0o777:o}" == digits


def test_nobody_else_may_read_it_while_it_is_written(link, path, mocker):
    seen = set()
    run = ClickMeetingHook.run

    def looking(hook, call):
        seen.update(f"{part.stat().st_mode & 0o777:o}" for part in path.parent.glob("*.part"))
        return run(hook, call)

    mocker.patch.object(ClickMeetingHook, "run", looking)
    link(crowd(100), file_mode="644")
    assert seen == {"600"}


def test_on_an_object_storage_permissions_are_ignored(link, room):
    attach("memory", fs=MemoryFileSystem())
    path = ObjectStoragePath(f"memory://{uuid.uuid4().hex}/links.jsonl")
    link([ADA], path=path)
    assert json.loads(path.read_bytes())["link"].startswith(room["room_url"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"people": []}, "people must be a list with at least one of the people; got []."),
        ({"people": "/nowhere/people.csv"}, "The file /nowhere/people.csv does not exist."),
        ({"people": [ADA], "room_id": ""}, "room_id must be the positive number"),
        (
            {"people": [ADA], "link_type": "magic"},
            "link_type must be one of 'autologin', 'token', 'registration'; got 'magic'.",
        ),
        ({"people": [ADA], "role": "boss"}, "role must be one of 'listener', 'presenter', 'host', "),
        (
            {"people": [ADA], "password": 5},
            "password must be a text that is not blank; got a value of type int, which is not shown.",
        ),
        ({"people": [ADA], "path": " "}, "path must be a file, or a folder with a slash at its end; got ' '."),
        ({"people": [ADA], "path": "links.xlsx"}, "path must be a file name that ends in one of csv, jsonl, "),
        ({"people": [ADA], "path": "links.parquet"}, "path must be a file name that ends in one of csv, jsonl, "),
        ({"people": [ADA], "max_parallel": 65}, "max_parallel must be a whole number from 1 to 64; got 65."),
        (
            {"people": [ADA], "max_failures": "perhaps"},
            "max_failures must be a whole number, or a share below 1 such as 0.05; got 'perhaps'.",
        ),
        (
            {"people": [ADA], "file_mode": 600},
            "file_mode must be permissions in octal digits, such as '600' or 0o600; got 600.",
        ),
        (
            {"people": [ADA], "file_mode": "rw"},
            "file_mode must be permissions in octal digits, such as '600' or 0o600; got 'rw'",
        ),
        (
            {"people": [ADA], "file_mode": True},
            "file_mode must be permissions in octal digits, such as '600' or 0o600; got True",
        ),
        (
            {"people": [ADA], "file_mode": "4755"},
            "file_mode must be permissions in octal digits, such as '600' or 0o600; got",
        ),
        (
            {"people": [ADA], "file_mode": -1},
            "file_mode must be permissions in octal digits, such as '600' or 0o600; got -1",
        ),
    ],
)
def test_wrong_arguments(link, clickmeeting_sandbox, wrong, said):
    with pytest.raises(ValueError) as error:
        link(**wrong)
    assert str(error.value).startswith(said)
    assert clickmeeting_sandbox.count() == 0


# --- as a task ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 150])
@pytest.mark.parametrize("kind", everyday(["autologin", "token", "registration"]))
def test_links_are_in_the_file_alone(run_dag, clickmeeting_sandbox, tmp_path, rows, mocker, capfd, caplog, kind, count):
    log = logging.getLogger("task")  # which nobody masks
    mocker.patch.object(ClickMeetingHook, "log", log)
    access = {"access_type": "3"} if kind == "token" else {}
    room = clickmeeting_sandbox.add_room(permanent_room=True, registration={"enabled": 1}, **access)
    hook = ClickMeetingHook()
    if kind == "token":
        hook.generate_tokens(room["id"], how_many=count)
        hook.send_invitation(room["id"], attendees=[each["email"] for each in crowd(count)])
    if kind == "registration":
        for each in crowd(count):
            hook.register_participant(room["id"], registration={1: "V", 2: "V", 3: each["email"]})
    clickmeeting_sandbox.fault("generate_autologin_url", "lost", times=2, skip=1)
    with DAG("link", schedule=None) as dag:
        type("Logging", (JoinLinks,), {"log": log})(
            task_id="link",
            room_id="{{ params.room_id }}",
            people=crowd(count),
            path=tmp_path.as_uri() + "/{{ params.room_id }}.csv",
            link_type="{{ params.kind }}",
        )
    dag.params = {"room_id": room["id"], "kind": kind}
    with caplog.at_level("DEBUG"):
        run = run_dag(dag)
    assert run.state == "success"
    result = run.get_task_instance("link").xcom_pull("link")
    written = rows(tmp_path / f"{room['id']}.csv")
    assert len(written) == result["links"] == count
    told = "".join(capfd.readouterr()) + caplog.text
    assert f"Wrote {count} links into room {room['id']}" in told
    assert "@" not in told
    for row in written:
        secret = row.get("token") or row["link"].partition("=")[2]
        assert len(secret) >= 6
        assert secret not in told + json.dumps(result)


@pytest.mark.parametrize(("count", "masked"), [(50, True), (51, False)])
def test_few_links_are_masked_in_what_others_log(link, rows, count, masked):
    link(crowd(count))
    hidden = {redact(text) for row in rows() for text in (row["link"], row["link"].partition("=")[2])}
    assert (hidden == {"***"}) is masked


@pytest.mark.thorough
def test_memory_does_not_hold_the_links_of_a_crowd(link, mocker):
    def made(hook, room_id, **person):
        return f"https://acme.example/9?l={person['email']}{'x' * 2000}"

    mocker.patch.object(ClickMeetingHook, "generate_autologin_url", made)
    people = crowd(20_000)
    tracemalloc.start()
    link(people)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 25_000_000, "the links alone are 40 MB"
