"""Run the tests on every combination of versions that the README lists, and print its table with the results.

`make test-matrix` calls this. Each line gets a new virtual environment with the newest packages of one day. These are
close to Airflow's own constraints of that time, which are compiled without this provider and refuse some of its extras.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv-boot" / "bin" / "uv"
HEAD = ("Airflow", "common-compat", "Python", "packages of", "result")


@dataclass(frozen=True)
class Line:
    """One combination of versions.

    :param day: the last day whose packages are installed.
    :param lowest: whether every dependency in pyproject.toml, also those of all extras, has the lowest version allowed.
    :param newest: whether the whole suite runs, and not only what uses Airflow.
    :param preview: whether it may fail.
    """

    airflow: str
    compat: str
    python: str
    day: str
    lowest: bool = False
    newest: bool = False
    preview: bool = False

    @property
    def name(self) -> str:
        """The line's name for `make test-matrix LINE=...`."""
        return "lowest" if self.lowest else f"{self.airflow}-py{self.python}"

    def row(self, result: str) -> tuple[str, ...]:
        """Return the line's cells in the table."""
        remark = ", lowest of all" if self.lowest else ", preview" if self.preview else ""
        return (self.airflow + remark, self.compat, self.python, self.day, result)


LINES = (
    Line("3.1.0", "1.7.4", "3.11", "2025-09-27", lowest=True),
    Line("3.1.0", "1.7.4", "3.12", "2025-09-27"),
    Line("3.1.7", "1.13.0", "3.11", "2026-02-05"),
    Line("3.1.8", "1.14.1", "3.13", "2026-03-15"),
    Line("3.2.1", "1.14.3", "3.12", "2026-04-24"),
    Line("3.2.2", "1.15.0", "3.13", "2026-06-02"),
    Line("3.3.1", "1.18.0", "3.12", "2026-08-13"),
    Line("3.3.2", "1.23.0", "3.11", "2026-11-20", newest=True),
    Line("3.3.2", "1.23.0", "3.12", "2026-11-20", newest=True),
    Line("3.3.2", "1.23.0", "3.13", "2026-11-20", newest=True),
    Line("3.4.0b2", "1.23.0", "3.13", "2026-11-20", preview=True),
)


def find_python(version: str) -> str | None:
    """Return the path of a Python of this version: one on the PATH that starts, or one of pyenv's."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for python in (shutil.which(f"python{version}"), *map(str, installed)):
        # a shim of pyenv is there for every version, and most of them fail
        if python and not subprocess.run([python, "-c", ""], capture_output=True).returncode:
            return python
    return None


def install(line: Line, python: str, venv: Path) -> None:
    """Make a virtual environment with the line's packages."""
    subprocess.run([UV, "venv", "--quiet", "--clear", "--python", python, venv], check=True)
    wanted = [f"apache-airflow=={line.airflow}", f"apache-airflow-providers-common-compat=={line.compat}"]
    extras = ["--extra=test", "--extra=parquet"]
    if line.newest:
        extras += ["--extra=duckdb", "--group=databases"]
    if line.lowest:  # the pins are not repeated, so this fails if pyproject.toml allows less than the line says
        wanted, extras = [], ["--all-extras", "--resolution=lowest-direct"]
    where = ["--quiet", "--compile-bytecode", f"--python={venv}", f"--exclude-newer={line.day}"]
    what = ["--requirements", "pyproject.toml", "--editable", "."]
    subprocess.run([UV, "pip", "install", *where, *what, *extras, *wanted], check=True, cwd=ROOT)


def run_tests(venv: Path, options: list[str]) -> Counter[str]:
    """Run pytest, and return how many tests passed, failed and were skipped; a run that breaks counts as failed."""
    report = venv / "report.xml"
    report.unlink(missing_ok=True)
    command = [f"{venv}/bin/python", "-m", "pytest", f"--junitxml={report}", *options]
    code = subprocess.run(command, cwd=ROOT).returncode
    if not report.exists():
        return Counter(failed=1)
    found: Counter[str] = Counter()
    for suite in ET.parse(report).iter("testsuite"):
        count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
        failed = count["failures"] + count["errors"]
        found += Counter(passed=count["tests"] - failed - count["skipped"], failed=failed, skipped=count["skipped"])
    if code and not found["failed"]:
        found["failed"] = 1  # it was interrupted
    return found


def test(line: Line, options: list[str], same_on_all: list[str]) -> tuple[str, bool]:
    """Return the line's result in words, and whether it is good."""
    python = find_python(line.python)
    if python is None:
        return f"not run: no Python {line.python} here", True
    venv = ROOT / f".venv-matrix-{line.name}"
    print(f"== {line.name}", flush=True)
    try:
        install(line, python, venv)
    except subprocess.CalledProcessError:
        return "cannot be installed", line.preview
    found = run_tests(venv, options if line.newest else [*options, *same_on_all])
    return ", ".join(f"{found[kind]} {kind}" for kind in ("passed", "failed", "skipped") if found[kind]), (
        line.preview or not found["failed"]
    )


def table(rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, ("---",) * len(HEAD), *rows))


def main() -> int:
    """Test the lines one after another, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("line", nargs="?", choices=[line.name for line in LINES], help="the only line to test")
    parser.add_argument("--options", default="", help="options of pytest, for every line")
    parser.add_argument("--same-on-all", default="", help="options that leave out what does not use Airflow")
    given = parser.parse_args()
    lines = [line for line in LINES if given.line in {None, line.name}]
    results = [test(line, shlex.split(given.options), shlex.split(given.same_on_all)) for line in lines]
    print(table([line.row(words) for line, (words, _) in zip(lines, results, strict=True)]))
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
