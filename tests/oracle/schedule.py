"""Report days, windows and due instants, computed apart from the server.

    python3 schedule.py               all combinations, to standard output
    python3 schedule.py --from-stdin  one answer line per request line

A request is one JSON object per line; an answer is the same object with
`days` filled in. The first line of the output is a header that names the
time-zone data: {"tzdata": "2025b", "source": "...", "lines": 12000}.

    {"zone": "Europe/Paris",            IANA name
     "start": 1767225600,               instant of the start, seconds since 1970 (UTC)
     "due": "09:00", "cutOff": "18:00", local times, HH:MM or HH:MM:SS
     "length": 14,                      days of follow-up (14 when absent)
     "days": [[day, "2026-01-01", window start, window end, due], ...]}

The three instants of a day are seconds since 1970 (UTC). A phase that asks on
some days only takes those days from the list.

Rules. Day 1 is the local date of the start, or the next calendar day when the
start is later than the cut-off. The window is the local calendar day, from its
first instant to the first instant of the next day. A local time that a clock
change skips stands for the first instant after the gap; one that occurs twice
stands for its first occurrence.

Without --from-stdin: 6 zones x 5 hours x 400 start dates from 2026-01-01. The
hour serves twice: follow-up starts at that local time, and reports are due at it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import zoneinfo
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia")
HOURS = ("00:00", "02:30", "03:00", "08:00", "23:59")
FIRST_START, STARTS = date(2026, 1, 1), 400
CUT_OFF, LENGTH = "18:00", 14


def local_instant(day: date, clock: time, zone: ZoneInfo) -> int:
    """Seconds since 1970 of a local time, by the rules above."""
    # In a gap fold=0 reads the time with the offset before it (a later
    # instant), fold=1 with the offset after it (an earlier one).
    first = datetime.combine(day, clock, tzinfo=zone)
    moment = int(first.timestamp())
    if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == first.replace(tzinfo=None):
        return moment
    return end_of_gap(int(first.replace(fold=1).timestamp()), moment, zone)


def end_of_gap(before: int, after: int, zone: ZoneInfo) -> int:
    """The first second with the later offset; halves until it is found."""

    def offset(moment: int) -> timedelta | None:
        return datetime.fromtimestamp(moment, timezone.utc).astimezone(zone).utcoffset()

    final = offset(after)
    while after - before > 1:
        middle = (before + after) // 2
        if offset(middle) == final:
            after = middle
        else:
            before = middle
    return after


def days(zone: ZoneInfo, start: int, due: time, cut_off: time, length: int) -> list[list]:
    """One row per day of follow-up."""
    local = datetime.fromtimestamp(start, zone)
    first = local.date()
    if local.time() > cut_off:
        first += timedelta(days=1)
    rows = []
    for number in range(length):
        day = first + timedelta(days=number)
        opens = local_instant(day, time(0), zone)
        closes = local_instant(day + timedelta(days=1), time(0), zone)
        rows.append([number + 1, day.isoformat(), opens, closes, local_instant(day, due, zone)])
    return rows


def answer(request: dict) -> dict:
    """Fills in `days`."""
    due, cut_off = time.fromisoformat(request["due"]), time.fromisoformat(request["cutOff"])
    rows = days(ZoneInfo(request["zone"]), request["start"], due, cut_off, request.get("length", LENGTH))
    return {**request, "days": rows}


def combinations():
    """The requests of the acceptance check."""
    for zone in ZONES:
        for hour in HOURS:
            for number in range(STARTS):
                start = local_instant(FIRST_START + timedelta(days=number), time.fromisoformat(hour), ZoneInfo(zone))
                yield {"zone": zone, "start": start, "due": hour, "cutOff": CUT_OFF, "length": LENGTH}


def data_version() -> tuple[str, str]:
    """Version of the time-zone data that is used, and where it comes from."""
    for folder in map(pathlib.Path, zoneinfo.TZPATH):
        if (folder / "Europe/Paris").exists():
            for name, skip in (("tzdata.zi", "# version "), ("+VERSION", "")):
                if (folder / name).exists():
                    return (folder / name).read_text(encoding="ascii").split("\n", 1)[0].removeprefix(skip), str(folder)
            return "unknown", str(folder)
    if importlib.util.find_spec("tzdata"):
        return importlib.metadata.version("tzdata"), "PyPI tzdata"
    return "none", "no time-zone data found"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from-stdin", action="store_true", help="answer the requests on standard input")
    options = parser.parse_args()
    version, source = data_version()
    if options.from_stdin:
        requests = [json.loads(line) for line in sys.stdin if line.strip()]
    else:
        requests = list(combinations())
    print(json.dumps({"tzdata": version, "source": source, "lines": len(requests)}))
    for request in requests:
        print(json.dumps(answer(request), separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
