"""Run the sandbox from the command line: `python -m airflow_clickmeeting.sandbox`."""

from __future__ import annotations

import argparse
import signal
import sys

from airflow_clickmeeting.sandbox.handle import Sandbox, extra_required
from airflow_clickmeeting.sandbox.switches import SWITCHES

EPILOG = """\
To connect Airflow to the sandbox, set this variable:

  export AIRFLOW_CONN_CLICKMEETING_DEFAULT='{{"conn_type": "clickmeeting",
    "host": "http://127.0.0.1:PORT/v1/", "password": "sandbox"}}'

To control the sandbox while it runs, send JSON to its control endpoints. All but GET need the control token, which the
first line of output shows. This request moves the clock to the next day:

  curl -H 'Content-Type: application/json' -H 'X-Sandbox-Token: TOKEN' -d '{{"advance": 86400}}' \\
    http://127.0.0.1:PORT/_sandbox/clock

Control endpoints:

{endpoints}

Switches (the first value is the default):

{switches}
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM arrives, and return the exit status."""
    try:
        with extra_required():
            from airflow_clickmeeting.sandbox.control import ENDPOINTS
            from airflow_clickmeeting.sandbox.page import page_url
        endpoints = [f"  {method:6} /_sandbox/{path:16} {about}" for (method, path), (_, about) in ENDPOINTS.items()]
        options = _parser(endpoints).parse_args(arguments)
        options.switches = dict(one.partition("=")[::2] for one in options.switches)
        sandbox = Sandbox(**vars(options))
        server = sandbox.open()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    except (OSError, ValueError, OverflowError) as error:
        port = f"it cannot listen on port {options.port} ({error}). Select another port with --port."
        print(f"The sandbox cannot start: {port if isinstance(error, OSError) else error}", file=sys.stderr)
        return 2
    # uvicorn stops at these signals and then raises them again. These handlers catch the second signal, so that the
    # process ends with status 0 and without a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    secrets = f"API key: {sandbox.api_key}, control token: {sandbox.token}"
    print(f"ClickMeeting sandbox on {sandbox.url} ({secrets})", flush=True)
    print(f"Its page, to open in a browser: {page_url(sandbox.url, sandbox.token)}", flush=True)
    server.run()
    return 0


def _parser(endpoints: list[str]) -> argparse.ArgumentParser:
    values = {name: "|".join(switch.choices) or str(switch.default) for name, switch in SWITCHES.items()}
    switches = [f"  {name:18} {values[name]:30} {switch.about}" for name, switch in SWITCHES.items()]
    parser = argparse.ArgumentParser(
        prog="python -m airflow_clickmeeting.sandbox",
        description="The sandbox is a local server that behaves like ClickMeeting. It keeps all data in memory"
        " and loses the data when it ends.",
        epilog=EPILOG.format(endpoints="\n".join(endpoints), switches="\n".join(switches)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port of the API; 0 (the default) selects a free port")
    add("--api-key", default="sandbox", metavar="KEY", help="API key that the sandbox accepts (default: sandbox)")
    add("--token", default="", help="control token (default: a random one, which the first line of output shows)")
    seeds = "data at the start: a small account (demo, the default) or none (empty)"
    add("--seed", choices=("demo", "empty"), default="demo", help=seeds)
    speed = "seconds that the sandbox's clock moves in one real second (default: 1)"
    add("--speed", type=float, default=1.0, metavar="N", help=speed)
    switch = "set a switch for uncertain behaviour of the API; you can repeat this option"
    add("--switch", action="append", default=[], dest="switches", metavar="NAME=VALUE", help=switch)
    host = "accept URLs with this host name besides localhost and IP addresses; you can repeat this option"
    add("--allow-host", action="append", default=[], dest="allowed_hosts", metavar="NAME", help=host)
    return parser


if __name__ == "__main__":
    sys.exit(main())
