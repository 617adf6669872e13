"""Describe the provider to Airflow.

Every Airflow process imports this module, so it imports nothing itself.
"""

from __future__ import annotations

# `port` stays visible, because the Test button of Airflow 3.3.1 and 3.3.2 rejects a connection without a port
CONNECTION_FORM = {
    "hidden-fields": ["login", "schema"],
    "relabeling": {"password": "API key", "host": "API URL", "port": "Port (443)"},
    "placeholders": {
        "password": "from ClickMeeting: Account settings > API",
        "host": "https://api.clickmeeting.com/v1/",
        "port": "fill in 443",
    },
}


def get_provider_info() -> dict[str, object]:
    """Return the provider's description: its modules, the connection type, and the form for connections."""
    return {
        "package-name": "airflow-clickmeeting",
        "name": "ClickMeeting",
        "description": "Plan webinars on ClickMeeting, register people, wait for sessions, and export the data.",
        "integrations": [
            {
                "integration-name": "ClickMeeting",
                "external-doc-url": "https://clickmeeting.com/",
                # a path inside this package; it is not ClickMeeting's own logo, which is a trademark
                "logo": "/integration-logos/webinar.svg",
                "how-to-guide": [
                    "/docs/connection.md",
                    "/docs/operators.md",
                    "/docs/waiting.md",
                    "/docs/events.md",
                ],
                "tags": ["service"],
            }
        ],
        "hooks": _modules("hooks", "clickmeeting"),
        "operators": _modules(
            "operators",
            "account",
            "chats",
            "conferences",
            "contacts",
            "files",
            "invitations",
            "links",
            "recordings",
            "registrations",
            "sessions",
            "tokens",
        ),
        "sensors": _modules("sensors", "clickmeeting"),
        "triggers": _modules("triggers", "condition", "events"),
        "transfers": [
            _transfer("exports", "Common IO", "/docs/exports.md"),
            _transfer("person", "Common IO", "/docs/access-requests.md"),
            _transfer("sql", "Common SQL", "/docs/warehouse.md"),
        ],
        "asset-uris": [
            {
                "schemes": ["clickmeeting"],
                "handler": "airflow_clickmeeting.assets.clickmeeting.sanitize_uri",
                "factory": "airflow_clickmeeting.assets.clickmeeting.create_asset",
                "to_openlineage_converter": "airflow_clickmeeting.assets.clickmeeting.convert_asset_to_openlineage",
            }
        ],
        "extra-links": [
            "airflow_clickmeeting.extra_links.AccountPanelLink",
            "airflow_clickmeeting.extra_links.FileLink",
            "airflow_clickmeeting.extra_links.RoomLink",
            "airflow_clickmeeting.ui.link.SessionStatisticsLink",
            "airflow_clickmeeting.ui.link.WebinarsLink",
        ],
        # the plugin itself is not listed here: Airflow would not create an instance of it, see `ui/plugin.py`
        "config": {
            "clickmeeting": {
                "description": "The page Webinars, which the API server shows in the menu Browse, and links of tasks.",
                "options": {
                    "file_urls": {
                        "description": "The URLs of folders on disks and object storages, as a JSON object such as the "
                        "example. A task that wrote a file there shows its URL as the link File. Set it on workers.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"s3://reports/": "https://reports.example.com/"}',
                        "default": None,
                    },
                    "webinars_page": {
                        "description": "Whether to show the page Webinars. A change needs a restart of the API server.",
                        "version_added": "0.1.0",
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                    },
                    "webinars_connections": {
                        "description": "The connections that the page lists besides those in the metadata database, "
                        "separated by commas: Airflow cannot list those of environment variables and secrets backends.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "clickmeeting_default, clickmeeting_sales",
                        "default": "clickmeeting_default",
                    },
                },
            },
        },
        "connection-types": [
            {
                "connection-type": "clickmeeting",
                "hook-class-name": "airflow_clickmeeting.hooks.clickmeeting.ClickMeetingHook",
                "hook-name": "ClickMeeting",
                "ui-field-behaviour": CONNECTION_FORM,
                "conn-fields": {
                    "timeout": {
                        "label": "Timeout (s)",
                        "description": "Seconds to wait for a response.",
                        "schema": {"type": ["number", "null"], "default": 60, "minimum": 1},
                    },
                    "connect_timeout": {
                        "label": "Connect timeout (s)",
                        "description": "Seconds to wait until ClickMeeting accepts the connection.",
                        "schema": {"type": ["number", "null"], "default": 10, "minimum": 1},
                    },
                    "total_timeout": {
                        "label": "Total timeout (s)",
                        "description": "Seconds until the end of a response; downloads have no such limit.",
                        "schema": {"type": ["number", "null"], "default": 300, "minimum": 1},
                    },
                    "max_response_size": {
                        "label": "Largest response (bytes)",
                        "description": "The most bytes of a response to hold in memory; downloads have no such limit.",
                        "schema": {"type": ["integer", "null"], "default": 67108864, "minimum": 1024},
                    },
                    "max_attempts": {
                        "label": "Attempts",
                        "description": "Maximum number of attempts for a request that is safe to repeat.",
                        "schema": {"type": ["integer", "null"], "default": 5, "minimum": 1},
                    },
                    "max_requests_per_second": {
                        "label": "Requests per second",
                        "description": "The most that a process sends; after HTTP 429 it sends less. Empty: no limit.",
                        "schema": {"type": ["number", "null"], "default": None, "minimum": 0.01},
                    },
                    "verify": {
                        "label": "Verify TLS",
                        "description": "true, or the path of a CA bundle on the workers. Use false for tests only.",
                        "schema": {"type": ["string", "null"], "default": "true"},
                    },
                    "proxies": {
                        "label": "Proxy",
                        "description": 'Empty, one proxy URL, or JSON such as {"https": "http://proxy.example.com:3128"}.',
                        "schema": {"type": ["string", "null"], "default": None, "format": "password"},
                    },
                },
            }
        ],
    }


def _modules(folder: str, *names: str) -> list[dict[str, object]]:
    modules = [f"airflow_clickmeeting.{folder}.{name}" for name in names]
    return [{"integration-name": "ClickMeeting", "python-modules": modules}]


def _transfer(name: str, target: str, guide: str) -> dict[str, str]:
    return {
        "source-integration-name": "ClickMeeting",
        "target-integration-name": target,
        "how-to-guide": guide,
        "python-module": f"airflow_clickmeeting.transfers.{name}",
    }
