"""What the pages of docs/ must have: each example's code, each public class, and secrets that the backends can read."""

from __future__ import annotations

import ast
import json
import re
import shlex

import pytest
from doc_pages import ROOT, blocks

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
TEXT = "\n".join(path.read_text() for path in sorted(DOCS.rglob("*.md")))
REFERENCE = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
#: pages of the menu *How to* for which no example is written
WITHOUT_EXAMPLE = {"connection.md", "other-calls.md", "sandbox.md", "webinars-page.md"}


def public_classes() -> list[str]:
    """Return the dotted names of what a DAG imports, and of what its results are described with."""
    found = []
    for folder in ("operators", "sensors", "transfers", "hooks", "triggers"):
        for path in (ROOT / "airflow_clickmeeting" / folder).glob("*.py"):
            nodes = ast.parse(path.read_text()).body
            names = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]
            found += [
                f"airflow_clickmeeting.{folder}.{path.stem}.{name}"
                for name in names
                if re.match("ClickMeeting(?!Session$)|clickmeeting_", name) and path.stem not in ("base", "bulk")
            ]
    return sorted(found)


@pytest.mark.parametrize("name", public_classes())
def test_the_reference_has_the_class(name):
    assert f"::: {name}\n" in REFERENCE


def test_the_first_page_of_the_reference_lists_what_a_dag_uses():
    listed = (DOCS / "reference" / "index.md").read_text()
    assert [name for name in public_classes() if not name.endswith("Trigger") and f"][{name}]" not in listed] == []


def test_the_readme_lists_each_of_these_once():
    names = re.findall(
        r"`(ClickMeeting\w*(?:Operator|Sensor|Hook)|clickmeeting_asset)`",
        "".join(re.findall(r"^\| .*\n", README, re.MULTILINE)),
    )
    assert sorted(names) == sorted(name.rpartition(".")[2] for name in public_classes() if not name.endswith("Trigger"))


@pytest.mark.parametrize("path", sorted((ROOT / "example_dags").glob("*.py")), ids=lambda path: path.stem)
def test_a_page_has_the_whole_example(path):
    assert f'--8<-- "example_dags/{path.name}"' in TEXT


def test_each_page_of_a_task_has_an_examples_own_code():
    menu = re.search(r"^  - How to:\n(.*?)^  - \w", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE | re.DOTALL)[1]
    pages = set(re.findall(r": (\S+\.md)$", menu, re.MULTILINE))
    without = {page for page in pages if '--8<-- "example_dags/' not in (DOCS / page).read_text()}
    assert without == WITHOUT_EXAMPLE


def test_secrets_manager_gives_the_connection_that_the_page_stores(monkeypatch):
    moto = pytest.importorskip("moto")
    pytest.importorskip("airflow.providers.amazon")
    import boto3
    from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
    from airflow.sdk import Connection

    from airflow_clickmeeting.hooks.settings import Settings

    page = DOCS / "mwaa.md"
    (command,) = [block.commands for block in blocks(page) if block.language == "console"]
    words = shlex.split(command.replace("\\\n", ""))
    kwargs = json.loads(re.search(r"`secrets\.backend_kwargs` \| `([^`]+)`", page.read_text())[1])
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    with moto.mock_aws():
        client = boto3.client("secretsmanager", region_name="eu-central-1")
        name, value = (words[words.index(option) + 1] for option in ("--name", "--secret-string"))
        client.create_secret(Name=name, SecretString=value)
        found = SecretsManagerBackend(region_name="eu-central-1", **kwargs).get_conn_value("clickmeeting_default")
    assert Settings.of(Connection.from_uri(found, conn_id="clickmeeting_default")).key == "API_KEY"
