"""Find the switches of the sandbox that match an account: `python -m airflow_clickmeeting.contract`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from airflow_clickmeeting.contract.probes import NOT_READABLE, PROBES, Finding, Probe, Survey

if TYPE_CHECKING:
    from airflow_clickmeeting.contract.reader import Reader
    from airflow_clickmeeting.hooks.settings import Settings

VARIABLE = "CLICKMEETING_API_KEY"
EPILOG = f"""\
The key comes from an Airflow connection (--conn-id), or from the environment variable {VARIABLE}.

Exit status: 0 if the probes ran, 1 if you did not confirm or ClickMeeting did not answer, 2 for a wrong argument.
"""


def main(arguments: list[str] | None = None) -> int:
    """Show what will be requested, ask for confirmation, run the probes, and return the exit status."""
    from airflow_clickmeeting.exceptions import CLEAR, ClickMeetingError

    options = _parser().parse_args(arguments)
    try:
        settings = _read_settings(options)
    except Exception as error:  # noqa: BLE001 - a missing connection raises different errors in different Airflows
        account = f"The account of connection {options.conn_id!r}" if options.conn_id else "The account"
        why = str(error).replace(CLEAR, "then run the command again.")
        return _stop(f"{account} cannot be read: {why}", 2)
    print(_format_plan(settings))
    if not options.yes and (status := _ask()) is not None:
        return status
    from airflow_clickmeeting.contract.reader import Reader

    reader = Reader(settings)
    try:
        if (refused := _refusal(reader)) is not None:
            return _stop(refused, 1)
        survey = Survey(reader)
        findings = [_run(probe, survey) for probe in PROBES]
    except ClickMeetingError as error:
        return _stop(f"{error.problem.message}. Check the network and the URL, then run the command again.", 1)
    print(_format_findings(findings))
    return 0


def _read_settings(options: argparse.Namespace) -> Settings:
    from airflow_clickmeeting.hooks.settings import Settings

    if options.conn_id:
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(options.conn_id).settings
    if not os.environ.get(VARIABLE):
        raise ValueError(f"there is no key. Give --conn-id, or set the environment variable {VARIABLE}.")
    from airflow.sdk import Connection

    connection = Connection(conn_id=VARIABLE, conn_type="clickmeeting", host=options.url, password=os.environ[VARIABLE])
    return Settings.of(connection)


def _format_plan(settings: Settings) -> str:
    requests = [f"  GET {probe.asks}" for probe in PROBES if probe.asks]
    return "\n".join(
        [
            f"This command reads from {settings.url}. It sends at most {sum(probe.most for probe in PROBES)} requests,",
            "one after the other, all of them GET, and changes nothing in the account:",
            "",
            *requests,
            "",
            "The responses contain data of people. They stay in memory; the output has only the findings.",
        ]
    )


def _ask() -> int | None:
    """Ask for confirmation; return None if it was given, or else the exit status."""
    if sys.stdin is None or not sys.stdin.isatty():
        return _stop("There is no terminal to confirm. Nothing was sent. Run the command again with --yes.", 1)
    try:
        answer = input("Send these requests? [y/N] ")
    except EOFError:
        answer = ""
    return None if answer.strip().lower() in ("y", "yes") else _stop("Nothing was sent.", 1)


def _refusal(reader: Reader) -> str | None:
    reply = Survey(reader).page("active")
    if reply.is_list:
        return None
    if reply.status in (401, 403):
        return f"ClickMeeting refuses the key: HTTP {reply.status}. Check the key, then run the command again."
    return f"HTTP {reply.status} without a list of rooms. Check the URL, then run the command again."


def _run(probe: Probe, survey: Survey) -> Finding:
    """Return the finding of a probe; a response that no source knows is no reason to lose the others."""
    try:
        return Finding(probe.switch, *probe.run(survey))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Finding(probe.switch, None, f"a response has an unknown shape ({type(error).__name__})")


def _format_findings(findings: list[Finding]) -> str:
    found = sorted(each for each in findings if each.value is not None)
    open_ones = sorted((each.switch, each.reason) for each in findings if each.value is None)
    width = max(len(f"{each.switch}={each.value}") for each in found) if found else 0
    switches = " ".join(f"--switch {each.switch}={each.value}" for each in found)
    lines = ["", "Switches that match this account:", ""]
    lines += [f"  {f'{each.switch}={each.value}':{width}}  {each.reason}" for each in found]
    lines += ["", "Not found out in this account:", ""]
    lines += [f"  {switch}: {reason}" for switch, reason in open_ones]
    lines += ["", "Not found out by reading:", ""]
    lines += [f"  {switch}: {reason}" for switch, reason in sorted(NOT_READABLE.items())]
    return "\n".join([*lines, "", f"python -m airflow_clickmeeting.sandbox {switches}"])


def _stop(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_clickmeeting.contract",
        description="Find out, with read-only requests, how an account answers where the API is in doubt, and print the"
        " switches of the sandbox that match it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--conn-id", help="the Airflow connection with the key; its URL is used, too")
    add("--url", default="", help="the URL of the API, with the key of the variable (default: ClickMeeting's)")
    add("--yes", action="store_true", help="send the requests without asking for confirmation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
