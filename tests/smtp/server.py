#!/usr/bin/env python3
"""A mail server that misbehaves on request, for tests of the e-mail channel.

    pip install aiosmtpd
    tests/smtp/server.py --out mails.jsonl [--port 0] [--control 0] [--tls CERT KEY [--starttls]]
                         [--user USER --password PASSWORD] [BEHAVIOUR]

It listens on 127.0.0.1 and prints one JSON line, {"smtp": PORT, "control": PORT}, once it is
ready. Each mail whose text has come in whole becomes one JSON line of the file --out, flushed
before the reply: {"accepted", "from", "to", "message_id", "subject", "language", "text", "raw"}.
"accepted" is false where the reply was not 250.

The behaviour, a JSON object given as BEHAVIOUR or changed at run time by
`PUT /behaviour` to the control port (`GET /behaviour` shows it, `GET /mails` the number of mails):

    {"banner_delay": 60}              wait before the banner
    {"banner": "421 too busy"}        say this instead of the banner, and close
    {"mail": "451 later"}             the reply to MAIL FROM
    {"rcpt": "450 busy"}              the reply to RCPT TO
    {"data": "552 too large"}         the reply to the end of the text
    {"data_delay": 5}                 wait before that reply
    {"drop_after_data": true}         close the connection instead of that reply
    {"only": "anne@example.org"}      mail, rcpt, data: only where this is the recipient
    {"times": 2}                      misbehave this often, then behave well

`{}` is a server that behaves. Any code may be scripted: 421, 450, 451, 550, 552, 554.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

KEYS = {
    "banner_delay", "banner", "mail", "rcpt", "data", "data_delay", "drop_after_data", "only",
    "times",
}


class Behaviour:
    """What the server does wrong at present; shared by the mail and the control side."""

    def __init__(self, wishes):
        self.lock = threading.Lock()
        self.mails = 0
        self.set(wishes)

    def set(self, wishes):
        unknown = set(wishes) - KEYS
        if unknown:
            raise ValueError(f"unknown keys: {sorted(unknown)}")
        with self.lock:
            self.wishes = dict(wishes)

    def get(self):
        with self.lock:
            return dict(self.wishes)

    def take(self, key, recipients=()):
        """The wish of this key, if it applies now; counts down `times`."""
        with self.lock:
            wish = self.wishes.get(key)
            only = self.wishes.get("only")
            if not wish or (only and only not in recipients):
                return None
            times = self.wishes.get("times")
            if times is not None:
                if times <= 0:
                    return None
                self.wishes["times"] = times - 1
            return wish


class Mailbox:
    """Answers as the behaviour says and writes down what comes in."""

    def __init__(self, behaviour, out):
        self.behaviour = behaviour
        self.out = out

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = self.behaviour.take("mail") if not self.behaviour.get().get("only") else None
        if reply:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.behaviour.take("rcpt", [address])
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos
        delay = self.behaviour.take("data_delay", to)
        drop = self.behaviour.take("drop_after_data", to)
        reply = self.behaviour.take("data", to)
        self.write(envelope, accepted=not drop and not reply)
        if delay:
            await asyncio.sleep(delay)
        if drop:
            server.transport.abort()
            # Said to nobody; aiosmtpd wants a reply all the same.
            return "421 gone"
        return reply or "250 2.0.0 queued"

    def write(self, envelope, accepted):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "accepted": accepted,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message_id": mail["Message-ID"],
            "subject": mail["Subject"],
            "language": mail["Content-Language"],
            "text": mail.get_content(),
            "raw": envelope.content.decode("utf-8", "replace"),
        }
        self.out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.out.flush()
        self.behaviour.mails += 1


class Server(SMTP):
    """aiosmtpd with a banner that can be late or a refusal."""

    def __init__(self, behaviour, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.behaviour = behaviour

    async def _handle_client(self):
        # The base class says the banner first thing here.
        delay = self.behaviour.take("banner_delay")
        if delay:
            await asyncio.sleep(delay)
        banner = self.behaviour.take("banner")
        if banner:
            self._writer.write(banner.encode() + b"\r\n")
            await self._writer.drain()
            self.transport.close()
            return
        await super()._handle_client()


def control(behaviour, port):
    """Starts the control side; gives its port."""

    class Control(BaseHTTPRequestHandler):
        def answer(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            known = {"/behaviour": behaviour.get(), "/mails": behaviour.mails}
            found = self.path in known
            self.answer(200 if found else 404, known.get(self.path))

        def do_PUT(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                behaviour.set(json.loads(body))
            except ValueError as error:
                return self.answer(400, str(error))
            self.answer(200, behaviour.get())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Control)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def credentials(options):
    """What aiosmtpd needs to ask for a user and a password, if they are given."""
    if not options.user:
        return {}
    expected = (options.user.encode(), options.password.encode())

    def check(_server, _session, _envelope, _mechanism, data):
        given = isinstance(data, LoginPassword) and (data.login, data.password)
        return AuthResult(success=given == expected, handled=False)

    return {
        "authenticator": check,
        "auth_required": True,
        "auth_require_tls": bool(options.tls),
    }


async def serve(options, behaviour, out):
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    starttls = {"tls_context": context} if context and options.starttls else {}
    more = {**starttls, **credentials(options)}
    if context and not options.starttls and options.user:
        # The whole connection is encrypted, which aiosmtpd does not see.
        more["auth_require_tls"] = False

    def connection():
        return Server(
            behaviour, Mailbox(behaviour, out), hostname="localhost", enable_SMTPUTF8=True, **more
        )

    wrapped = None if options.starttls else context
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", options.port, ssl=wrapped)
    ports = {
        "smtp": server.sockets[0].getsockname()[1],
        "control": control(behaviour, options.control),
    }
    print(json.dumps(ports), flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="file of mails, one JSON line each")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control", type=int, default=0)
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--starttls", action="store_true")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("behaviour", nargs="?", type=json.loads, default={})
    options = parser.parse_args()
    if options.starttls and not options.tls:
        parser.error("--starttls needs --tls")
    # Tests read the standard error; only what goes wrong here belongs there.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="aiosmtpd")
    with open(options.out, "a", encoding="utf-8") as out:
        try:
            asyncio.run(serve(options, Behaviour(options.behaviour), out))
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
