"""Random pathways, random courses: what the server does, against what must follow.

    python3 random_pathways.py --base http://127.0.0.1:8080/fhir
    python3 random_pathways.py --vigie target/release/vigie --pathways 200 --courses 50 --seed 1

The server has a simulated clock (`vigie serve --insecure-no-auth
--simulated-clock INSTANT`) that has not passed the season of the seed; with
--vigie it is started here, over a database of its own. All pathways are
published, everybody is enrolled, all courses are played in the order of time,
and what came of them is read back and compared. Then `$simulate` is asked for
the courses that it can be told, and must agree exactly with what was lived.
The exit status is 0 only when nothing is missed, extra, doubled or different.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta

from compare import Verdict
from courses import DAY, SEASONS, Course, courses
from expect import Outcome, expect
from live import Refused, Stage
from observe import observe
from pathways import pathways
from simulated import simulate

# What a server may or may not do yet; all of it unless told otherwise.
FEATURES = frozenset(
    (
        "second", "quiet", "sms", "phone", "reporter", "reminder-time", "pause",
        "apply-parameters", "escalation", "silence-conditions", "simulate",
    )
)  # fmt: skip


@contextmanager
def server(vigie: str, seed: int, features: frozenset[str]):
    """A server of one's own, on a free port, that keeps its messages to itself; gives its base."""
    surroundings = {**os.environ, **({"VIGIE_SMS_CHANNEL": "memory"} if "sms" in features else {})}
    start = (SEASONS[seed % len(SEASONS)] - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with tempfile.TemporaryDirectory() as folder:
        log = open(f"{folder}/log", "w+", encoding="utf-8")
        command = [vigie, "serve", "--insecure-no-auth", "--listen", "127.0.0.1:0", "--simulated-clock", start]
        process = subprocess.Popen([*command, "--database", f"sqlite:{folder}/vigie.db"], stdout=log, stderr=subprocess.STDOUT, env=surroundings)
        try:
            yield address(process, f"{folder}/log")
        finally:
            process.terminate()
            process.wait()
            log.close()


def address(process: subprocess.Popen, log: str) -> str:
    """Where it listens, from its first line."""
    for _ in range(300):
        with open(log, encoding="utf-8") as file:
            text = file.read()
        found = re.search(r"^listening on (http\S*)", text, re.MULTILINE)
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"the server did not say where it listens:\n{text}")


def cast(options: argparse.Namespace) -> list[Course]:
    """All courses of all pathways."""
    drawn = pathways(options.seed, options.pathways, options.features)
    return [course for pathway in drawn for course in courses(options.seed, pathway, options.courses, options.features)]


def end_of(played: list[Course]) -> int:
    """When nothing of interest happens any more."""
    ends = [max(course.rows()[-1][3], *(event.at for event in course.events), course.start) for course in played]
    return max(ends) + DAY


def run(base: str, options: argparse.Namespace) -> int:
    """Plays and compares."""
    begun = time.monotonic()

    def say(words: str) -> None:
        print(f"[{time.monotonic() - begun:7.1f} s] {words}", file=sys.stderr, flush=True)

    played = cast(options)
    stage, until = Stage(base, options.features), end_of(played)
    stage.publish(list({course.pathway.ident: course.pathway for course in played}.values()))
    say(f"{options.pathways} pathways published")
    stage.play(played, until, say)
    say("all courses played")
    records, verdict, outcomes = observe(stage, played), Verdict(), {}
    for course in played:
        wanted, record = expect(course, until, options.features), records.get(course.ident)
        outcomes[course.ident] = record.out if record else Outcome()
        verdict.take(course.ident, wanted, outcomes[course.ident])
        for one in record.doubled if record else ():
            verdict.note("doubled", "report", course.ident, one)
    say("read back and compared")
    for line in verdict.lines:
        print(line)
    answers = sum(event.kind == "answer" for course in played for event in course.events)
    print(f"random pathways: pathways={options.pathways} courses={len(played)} answers={answers} seed={options.seed}")
    print(verdict.summary("live"))
    clean = verdict.clean()
    if "simulate" in options.features:
        verdict = simulate(stage, played, outcomes, until)
        say("simulated and compared")
        print("\n".join([*verdict.lines, verdict.summary("simulate")]))
        clean = clean and verdict.clean()
    return 0 if clean else 1


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--base", help="FHIR base URL of a server with a simulated clock")
    where.add_argument("--vigie", help="the program: a server is started")
    parser.add_argument("--pathways", type=int, default=12)
    parser.add_argument("--courses", type=int, default=10, help="courses of each pathway")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", action="append", default=[], choices=sorted(FEATURES), help="what the server has not")
    options = parser.parse_args()
    options.features = FEATURES - set(options.without)
    try:
        if options.base:
            return run(options.base, options)
        with server(options.vigie, options.seed, options.features) as base:
            return run(base, options)
    except Refused as refused:
        print(f"refused: {refused}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
