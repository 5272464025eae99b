"""A hook receiver that judges each delivery with the published libraries.

receiver.py PORT SECRET [CERTIFICATE KEY AUTHORITY]   with the last three it speaks TLS and asks who calls

Each delivery is a line on standard output: "ok" with the caller's name, or why it is not well signed.
"""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import standardwebhooks
import svix.webhooks

port, secret, tls = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
judges = [standardwebhooks.Webhook(secret), svix.webhooks.Webhook(secret)]


def judged(body, headers):
    for judge in judges:
        judge.verify(body, headers)
        for altered_body, altered in [
            (body + b" ", headers),
            (body, {**headers, "webhook-id": headers["webhook-id"] + "x"}),
            (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}),
        ]:
            try:
                judge.verify(altered_body, altered)
            except Exception:
                continue
            return "altered and taken all the same"
    return "ok"


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            verdict = judged(body, {name.lower(): value for name, value in self.headers.items()})
        except Exception as error:
            verdict = f"refused: {error!r}"
        names = self.connection.getpeercert()["subject"] if tls else ()
        print(verdict, *[value for ((_, value),) in names], flush=True)
        self.send_response(204 if verdict == "ok" else 401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
if tls:
    certificate, key, authority = tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
