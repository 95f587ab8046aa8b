"""The newest code that was mailed to somebody, once.

    mailed.py FOLDER ADDRESS

FOLDER is where the server leaves its mails (`mail.channel = "file"`). A code that was told before
is not told again: the mail with the next one is waited for.
"""

import email
import email.policy
import re
import sys
import time
from pathlib import Path

WAIT_SECONDS = 30


def newest(folder, address):
    """The last mail to somebody that has a code, and the code."""
    found = None
    for path in sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = mail.get_body(("plain",))
        code = body and re.search(r"\b(\d{6})\b", body.get_content())
        if code and address in mail["to"]:
            found = path.name, code[1]
    return found


def main():
    folder, address = Path(sys.argv[1]), sys.argv[2]
    told = folder / f"told.{address}"
    before = told.read_text(encoding="utf-8") if told.exists() else ""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = newest(folder, address)
        if found and found[0] != before:
            told.write_text(found[0], encoding="utf-8")
            print(found[1])
            return
        time.sleep(0.1)
    sys.exit(f"no code was mailed to {address}")


if __name__ == "__main__":
    main()
