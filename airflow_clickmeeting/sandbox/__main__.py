"""The command line: `python -m airflow_clickmeeting.sandbox`."""

from __future__ import annotations

import argparse
import signal
import sys

from airflow_clickmeeting.sandbox.switches import SWITCHES, Switches

EPILOG = """\
Connect Airflow to it:

  export AIRFLOW_CONN_CLICKMEETING_DEFAULT='{{"conn_type": "clickmeeting",
    "host": "http://127.0.0.1:PORT/v1/", "password": "sandbox"}}'

Steer it while it runs (JSON, no key needed), for example to the next day:

  curl -d '{{"advance": 86400}}' http://127.0.0.1:PORT/_sandbox/clock

{endpoints}

Switches, the default first:

{switches}
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; returns the exit status."""
    try:
        from airflow_clickmeeting.sandbox.control import ENDPOINTS
        from airflow_clickmeeting.sandbox.demo import SEEDS
        from airflow_clickmeeting.sandbox.server import Server
        from airflow_clickmeeting.sandbox.world import World
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: pip install 'airflow-clickmeeting[sandbox]'", file=sys.stderr)
        return 2
    endpoints = [f"  {method:6} /_sandbox/{path:16} {about}" for (method, path), (_, about) in ENDPOINTS.items()]
    switches = [
        f"  {name:18} {'|'.join(switch.choices) or switch.default!s:30} {switch.about}"
        for name, switch in SWITCHES.items()
    ]
    parser = argparse.ArgumentParser(
        prog="python -m airflow_clickmeeting.sandbox",
        description="A ClickMeeting of your own on this machine: it behaves like the service, and keeps"
        " everything in memory until it ends.",
        epilog=EPILOG.format(endpoints="\n".join(endpoints), switches="\n".join(switches)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0, the default, picks a free port")
    parser.add_argument("--api-key", default="sandbox", metavar="KEY", help="the key it accepts (sandbox)")
    parser.add_argument(
        "--seed", choices=sorted(SEEDS), default="demo", help="begin with a small account (demo) or nothing"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="N", help="seconds of its clock in a real second (1)"
    )
    parser.add_argument(
        "--switch", action="append", default=[], metavar="NAME=VALUE", help="decide a doubtful point; repeatable"
    )
    options = parser.parse_args(arguments)
    positions = dict(one.partition("=")[::2] for one in options.switch)
    try:
        Switches(positions)
        world = World(options.api_key, speed=options.speed, switches=positions, seed=SEEDS[options.seed])
        server = Server(world, options.port)
    except (ValueError, OSError, OverflowError) as error:
        print(f"The sandbox cannot start: {error}", file=sys.stderr)
        return 2
    # uvicorn stops at these signals, then raises them again for whoever listened before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"ClickMeeting sandbox on {server.url} (API key: {options.api_key})", flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
