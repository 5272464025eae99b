"""A relay that takes mail only of who says a password, and that after STARTTLS: port, maildir, certificate, key, user,
password."""

import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from maildir import AsItCame

port, maildir, certificate, key, user, password = sys.argv[1:]


def authenticator(server, session, envelope, mechanism, data):
    said = (data.login, data.password) if hasattr(data, "login") else (None, None)
    print(mechanism, said[0] and said[0].decode(), flush=True)
    return AuthResult(success=said == (user.encode(), password.encode()))


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
Controller(
    AsItCame(maildir),
    hostname="127.0.0.1",
    port=int(port),
    tls_context=context,
    require_starttls=True,
    auth_required=True,
    authenticator=authenticator,
).start()
while True:
    time.sleep(60)
