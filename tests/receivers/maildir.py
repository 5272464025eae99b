"""A mail server that keeps every mail in a maildir byte for byte as it came.

python3 -m aiosmtpd -n -l HOST:PORT -c maildir.AsItCame FOLDER
"""

import itertools
import os
import time


class AsItCame:
    """The handler of aiosmtpd's own that writes maildirs puts mails together anew, which no signature survives."""

    def __init__(self, folder):
        self.folder = folder
        self.numbers = itertools.count()
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(folder, part), exist_ok=True)

    @classmethod
    def from_cli(cls, parser, *arguments):
        if len(arguments) != 1:
            parser.error("the folder of the maildir")
        return cls(arguments[0])

    async def handle_DATA(self, server, session, envelope):
        name = f"{time.time_ns()}.{next(self.numbers)}"
        before = os.path.join(self.folder, "tmp", name)
        with open(before, "wb") as mail:
            # As the server that delivers it last does. Source: RFC 5321 §4.4.
            mail.write(f"Return-Path: <{envelope.mail_from}>\r\n".encode())
            mail.write(envelope.original_content)
        os.rename(before, os.path.join(self.folder, "new", name))
        return "250 OK"


class Refusing(AsItCame):
    """Knows nobody whose name begins with `nobody`."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"
