"""A hook receiver that judges each delivery with the published libraries.

receiver.py PORT SECRET [CERTIFICATE KEY AUTHORITY]   with the last three it speaks TLS and asks who calls

Each delivery is a line on standard output: "ok" with the caller's name, or why it is not well signed; of a CloudEvent
also what it says, as JSON.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import standardwebhooks
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
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


def cloud_event(body, headers):
    if "ce-id" not in headers and "cloudevents" not in headers["content-type"]:
        return []
    event = from_http_event(HTTPMessage(headers=headers, body=body))
    names = ["specversion", "id", "source", "type", "subject", "partitionkey", "sequence"]
    said = {name: event.get_attributes().get(name) for name in names}
    return [json.dumps({**said, "time": event.get_time().isoformat(), "data": event.get_data()})]


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        told = []
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            verdict = judged(body, headers)
            told = cloud_event(body, headers)
        except Exception as error:
            verdict = f"refused: {error!r}"
        names = self.connection.getpeercert()["subject"] if tls else ()
        # One piece each: several threads write.
        sys.stdout.write(" ".join([verdict, *[value for ((_, value),) in names], *told]) + "\n")
        sys.stdout.flush()
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
