"""Every command of the documentation: a test here runs it, another test runs it, or the page says that none does."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from doc_pages import PAGES, ROOT, Block, blocks
from local_airflow import reserve_port

from airflow_clickmeeting.sandbox.handle import SandboxControl

#: tests/docs/test_commands_of_tutorial.py runs these in the order of the page
TUTORIAL = "docs/tutorial/index.md"
KINDS = ("export", "airflow", "python", "curl", "make")
SHELL = [block for page in PAGES for block in blocks(page) if block.language in ("bash", "console", "sh")]


def statements(block: Block) -> list[str]:
    """Split a block at the lines that begin with the name of a command."""
    text = block.commands.replace("\\\n", "")
    return [each.strip() for each in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE) if each.strip()]


RUN = [
    (block.page, text)
    for block in SHELL
    if not block.is_marked and block.page != TUTORIAL
    for text in statements(block)
]
INLINE = sorted(
    {
        command
        for page in PAGES
        for command in re.findall(r"`((?:airflow|make|pip install|python -m|curl) [^`]+)`", page.read_text())
    }
)


def of(kind: str) -> list[str]:
    """Return the commands of a kind, those within a text too."""
    return sorted({text for text in [*(text for _, text in RUN), *INLINE] if text.startswith(kind)})


@pytest.mark.parametrize(("page", "text"), RUN, ids=[f"{page}-{text[:40]}" for page, text in RUN])
def test_a_test_knows_the_command(page, text):
    assert text.startswith(KINDS), f"run it in {__file__}, or write below the block: *Not run by a test: ...*"


@pytest.mark.parametrize("text", of("export"))
def test_an_exported_connection_can_be_read(text):
    from airflow.sdk import Connection

    from airflow_clickmeeting.hooks.settings import Settings

    name = re.match(r"export (\w+)=", text)[1]
    done = subprocess.run(["bash", "-ec", f'{text}; printf %s "${name}"'], capture_output=True, check=True, text=True)
    read = Connection.from_json if done.stdout.startswith("{") else Connection.from_uri
    connection = read(done.stdout, conn_id=name.removeprefix("AIRFLOW_CONN_").lower())
    if connection.conn_type == "clickmeeting":
        assert Settings.of(connection).key
    else:
        assert (connection.conn_type, connection.host) == ("duckdb", "/data/warehouse.duckdb")


@pytest.mark.filterwarnings("ignore:.* is deprecated:FutureWarning")  # Airflow's own command uses that
@pytest.mark.parametrize("text", of("airflow"))
def test_airflow_does_the_command(text, airflow_db, clickmeeting_sandbox, mocker, capsys):
    from airflow.cli import cli_parser

    def run(*words: str) -> None:
        args = cli_parser.get_parser().parse_args(words)
        args.func(args)

    mocker.patch.dict(os.environ, {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"})
    _, group, action, name, *rest = shlex.split(text)
    run(group, action, name, *rest)
    if action == "test":
        assert "Connection success" in capsys.readouterr().out
    else:
        run(group, "delete", name)  # fails if the command did nothing


@pytest.fixture
def started():
    """Start a sandbox with a command, on another port and with the control token of the page; return its port."""
    processes = []

    def started(command: str) -> int:
        port = reserve_port()
        words = [sys.executable, *shlex.split(command.replace("8085", str(port)))[1:], "--token", "o4xVz1mNqT0sJd2A"]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert f"ClickMeeting sandbox on http://127.0.0.1:{port}/v1/" in process.stdout.readline()
        return port

    yield started
    for process in processes:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("text", of("python -m airflow_clickmeeting.sandbox"))
def test_the_sandbox_starts_with_the_command(text, started):
    port = started(text)
    assert SandboxControl(f"http://127.0.0.1:{port}/v1/").state["rooms"]


@pytest.mark.parametrize("text", of("curl"))
def test_curl_reaches_the_sandbox(text, started):
    port = started("python -m airflow_clickmeeting.sandbox --port 8085 --speed 0")
    words = shlex.split(text.replace("8085", str(port)))
    done = subprocess.run(
        [words[0], "--fail", "--silent", "--noproxy", "*", *words[1:]], capture_output=True, check=True
    )
    assert json.loads(done.stdout)


def test_the_targets_of_make_exist_and_ci_runs_them():
    makefile = (ROOT / "Makefile").read_text()
    named = {word for text in of("make") for word in text.split()[1:] if "=" not in word}
    assert named <= {*re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split(), "test-on-3.1"}
    scripts = [ROOT / ".ci" / "run", *(ROOT / ".github" / "workflows").glob("*.yml")]
    ci = {word for script in scripts for word in script.read_text().split()}
    # tests/ui/test_make_airflow.py starts `make airflow`; `make test-compat` is `make test-on-3.1` and the same on 3.2;
    # README.md says of the others that no test runs them
    assert named - {"airflow", "docs", "test-compat"} - ci <= {"clean", "constraints"}


def test_what_pip_shall_install_exists():
    named = {extra for text in of("pip") for extra in re.findall(r"airflow-clickmeeting\[(\w+)\]", text)}
    project = (ROOT / "pyproject.toml").read_text()
    assert named
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in named)


def test_there_are_commands():
    assert len(RUN) > 10
    assert {page for page, _ in RUN} >= {"README.md", "docs/connection.md", "docs/sandbox.md"}
