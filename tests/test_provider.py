"""What Airflow reads about this provider: the description, its modules, and the connection form."""

from __future__ import annotations

import importlib.metadata
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from airflow import __version__ as airflow_version
from airflow_versions import needs_airflow
from packaging.utils import canonicalize_name
from packaging.version import Version

import airflow_clickmeeting
from airflow_clickmeeting.get_provider_info import CONNECTION_FORM, get_provider_info
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.hooks.settings import Settings

INFO = get_provider_info()
FORM_FROM_METADATA = Version(airflow_version).release >= (3, 2)
INTEGRATION = {"integration-name", "source-integration-name", "target-integration-name"}


def dotted_paths(info: Any) -> Iterator[str]:
    """Yield every module and class that a description names."""
    if isinstance(info, dict):
        info = list(info.values())
    if isinstance(info, list):
        for each in info:
            yield from dotted_paths(each)
    elif isinstance(info, str) and info.startswith("airflow_clickmeeting."):
        yield info


def test_the_description_is_what_airflow_takes_at_run_time():
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)


def test_the_connection_form_has_no_key_that_airflow_does_not_know():
    schema = json.loads((files("airflow") / "provider.yaml.schema.json").read_text()) if FORM_FROM_METADATA else {}
    part = {**schema["properties"]["connection-types"], "definitions": schema["definitions"]} if schema else {}
    jsonschema.validate(INFO["connection-types"], part)
    assert {"connection-type", "hook-class-name", "hook-name"} <= INFO["connection-types"][0].keys()


@pytest.mark.skipif(not FORM_FROM_METADATA, reason="Airflow ships this schema since 3.2")
@pytest.mark.parametrize("part", sorted(INFO))
def test_every_part_is_what_airflows_own_providers_may_write(part):
    schema = json.loads((files("airflow") / "provider.yaml.schema.json").read_text())
    jsonschema.validate(INFO[part], {**schema["properties"][part], "definitions": schema["definitions"]})


def test_an_integration_has_a_logo_and_pages_that_are_there():
    (integration,) = INFO["integrations"]
    logo = ET.fromstring((files("airflow_clickmeeting") / integration["logo"].lstrip("/")).read_text())
    assert logo.tag == "{http://www.w3.org/2000/svg}svg"
    pages = [*integration["how-to-guide"], *(transfer["how-to-guide"] for transfer in INFO["transfers"])]
    assert [page for page in pages if not Path(_root(), page.lstrip("/")).is_file()] == []


def test_every_integration_is_one_that_a_provider_has():
    named = {
        each[key] for part in INFO.values() if isinstance(part, list) for each in part for key in INTEGRATION & {*each}
    }
    known = {each["integration-name"] for info in _providers() for each in info.get("integrations", [])}
    assert named <= known


def test_airflow_takes_the_links():
    from airflow.providers_manager import ProvidersManager

    assert set(INFO["extra-links"]) <= set(ProvidersManager().extra_links_class_names)


def test_the_package_name_is_the_distributions_else_airflow_itself_breaks():
    distribution = importlib.metadata.distribution("airflow-clickmeeting")
    assert INFO["package-name"] == canonicalize_name(distribution.metadata["Name"])
    assert distribution.version == airflow_clickmeeting.__version__


def test_airflow_finds_the_description_by_its_entry_point():
    (found,) = [
        entry
        for entry in importlib.metadata.entry_points(group="apache_airflow_provider")
        if entry.dist and canonicalize_name(entry.dist.name) == "airflow-clickmeeting"
    ]
    assert found.load()() == INFO


@pytest.mark.parametrize("path", sorted(set(dotted_paths(INFO))))
def test_what_the_description_names_is_there(path):
    module, _, name = path.rpartition(".")
    if name[0].isupper():
        assert isinstance(getattr(import_module(module), name), type)
    elif ".assets." in module:
        assert callable(getattr(import_module(module), name))
    else:
        assert import_module(path).__doc__


@pytest.mark.parametrize(
    ("folder", "ending"),
    [
        ("hooks", "Hook"),
        ("operators", "Operator"),
        ("sensors", "Sensor"),
        ("triggers", "Trigger"),
        ("transfers", "Operator"),
    ],
)
def test_every_module_with_something_for_dags_is_in_the_description(folder, ending):
    package = import_module(f"airflow_clickmeeting.{folder}")
    modules = [import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)]
    offering = {
        each.__module__
        for module in modules
        for name, each in vars(module).items()
        if name.startswith("ClickMeeting") and name.endswith(ending) and each.__module__ == module.__name__
    }
    assert offering - {f"{package.__name__}.base"} == {path for path in dotted_paths(INFO) if path in offering}


def test_the_form_asks_for_every_setting_and_no_other():
    (connection_type,) = INFO["connection-types"]
    own = set(Settings.__dataclass_fields__) - {"conn_id", "url", "key", "is_loopback"}
    assert set(connection_type["conn-fields"]) == own


def test_the_forms_defaults_are_the_settings_own(connect):
    (connection_type,) = INFO["connection-types"]
    defaults = {name: field["schema"]["default"] for name, field in connection_type["conn-fields"].items()}
    connect()
    untouched = ClickMeetingHook().settings
    connect(extra=defaults)
    assert ClickMeetingHook().settings == untouched


def test_the_forms_labels_are_there_for_airflow_3_1():
    assert ClickMeetingHook.get_ui_field_behaviour() == {
        "hidden_fields": ["login", "schema"],
        "relabeling": {"password": "API key", "host": "API URL", "port": "Port (443)"},
        "placeholders": CONNECTION_FORM["placeholders"],
    }


@needs_airflow("3.1.3", "without the provider fab, it cannot read any form of a hook")
@pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")  # 3.2's own service uses it
def test_the_connection_form_of_the_ui_has_our_labels():
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.providers_manager import ProvidersManager

    ProvidersManager()._cleanup()  # a task of another test has loaded the hooks as tasks do, without their forms
    (form,) = [each for each in HookMetaService.hook_meta_data() if each.connection_type == "clickmeeting"]
    assert (form.hook_name, form.hook_class_name.rpartition(".")[2]) == ("ClickMeeting", "ClickMeetingHook")
    fields = form.standard_fields
    assert (fields.password.title, fields.host.title, fields.port.title) == ("API key", "API URL", "Port (443)")
    assert fields.host.placeholder == "https://api.clickmeeting.com/v1/"
    assert fields.url_schema.hidden
    assert fields.login.hidden
    if FORM_FROM_METADATA:
        assert set(form.extra_fields) == set(INFO["connection-types"][0]["conn-fields"])


def test_every_airflow_process_reads_the_description_so_it_imports_nothing():
    script = (
        "import sys; before = set(sys.modules)\n"
        "import airflow_clickmeeting.get_provider_info as found; found.get_provider_info()\n"
        "print(sorted(set(sys.modules) - before - {'__future__'}))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=_root())
    assert done.stdout.strip() == "['airflow_clickmeeting', 'airflow_clickmeeting.get_provider_info']"


def _providers() -> list[dict[str, Any]]:
    from airflow.providers_manager import ProvidersManager

    return [provider.data for provider in ProvidersManager().providers.values()]


def _root() -> str:
    return str(files("airflow_clickmeeting").joinpath(".."))
