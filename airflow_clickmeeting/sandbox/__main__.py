"""Run the sandbox from the command line: `python -m airflow_clickmeeting.sandbox`."""

from __future__ import annotations

import argparse
import signal
import sys

from airflow_clickmeeting.sandbox.switches import SWITCHES, Switches

EPILOG = """\
To connect Airflow to the sandbox, set this variable:

  export AIRFLOW_CONN_CLICKMEETING_DEFAULT='{{"conn_type": "clickmeeting",
    "host": "http://127.0.0.1:PORT/v1/", "password": "sandbox"}}'

To control the sandbox while it runs, send JSON to its control endpoints. They need no API key. This request moves
the clock to the next day:

  curl -d '{{"advance": 86400}}' http://127.0.0.1:PORT/_sandbox/clock

Control endpoints:

{endpoints}

Switches (the first value is the default):

{switches}
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM arrives, and return the exit status."""
    try:
        from airflow_clickmeeting.sandbox.control import ENDPOINTS
        from airflow_clickmeeting.sandbox.demo import SEEDS
        from airflow_clickmeeting.sandbox.server import Server
        from airflow_clickmeeting.sandbox.world import World
    except ModuleNotFoundError as error:
        print(
            f"The sandbox needs the package {error.name}."
            " Install the package with: pip install 'airflow-clickmeeting[sandbox]'",
            file=sys.stderr,
        )
        return 2
    endpoints = [f"  {method:6} /_sandbox/{path:16} {about}" for (method, path), (_, about) in ENDPOINTS.items()]
    switches = [
        f"  {name:18} {'|'.join(switch.choices) or switch.default!s:30} {switch.about}"
        for name, switch in SWITCHES.items()
    ]
    parser = argparse.ArgumentParser(
        prog="python -m airflow_clickmeeting.sandbox",
        description="The sandbox is a local server that behaves like ClickMeeting. It keeps all data in memory"
        " and loses the data when it ends.",
        epilog=EPILOG.format(endpoints="\n".join(endpoints), switches="\n".join(switches)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="port of the API; 0 (the default) selects a free port")
    parser.add_argument(
        "--api-key", default="sandbox", metavar="KEY", help="API key that the sandbox accepts (default: sandbox)"
    )
    parser.add_argument(
        "--seed",
        choices=sorted(SEEDS),
        default="demo",
        help="data at the start: a small account (demo, the default) or none (empty)",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="N",
        help="seconds that the sandbox's clock moves in one real second (default: 1)",
    )
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a switch for uncertain behaviour of the API; you can repeat this option",
    )
    options = parser.parse_args(arguments)
    switch_values = dict(one.partition("=")[::2] for one in options.switch)
    try:
        Switches(switch_values)
        world = World(options.api_key, speed=options.speed, switches=switch_values, seed=SEEDS[options.seed])
        server = Server(world, options.port)
    except OSError as error:
        reason = f"it cannot listen on port {options.port} ({error}). Select another port with --port."
        print(f"The sandbox cannot start: {reason}", file=sys.stderr)
        return 2
    except (ValueError, OverflowError) as error:
        print(f"The sandbox cannot start: {error}", file=sys.stderr)
        return 2
    # uvicorn stops at these signals and then raises them again. These handlers catch the second signal, so that the
    # process ends with status 0 and without a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"ClickMeeting sandbox on {server.url} (API key: {options.api_key})", flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
