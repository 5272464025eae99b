// A hook receiver that judges each delivery with the published libraries.
//
// node receiver.mjs PORT SECRET: each delivery is a line on standard output, "ok" or why it is not well signed;
// of a CloudEvent also what it says, as JSON.

import http from "node:http";
import { HTTP } from "cloudevents";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const [port, secret] = process.argv.slice(2);
const judges = [new Standard(secret), new Svix(secret)];

function judged(body, headers) {
  for (const judge of judges) {
    judge.verify(body, headers);
    const altered = [
      [body + " ", headers],
      [body, { ...headers, "webhook-id": headers["webhook-id"] + "x" }],
      [body, { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 301) }],
    ];
    for (const [text, with_headers] of altered) {
      try {
        judge.verify(text, with_headers);
      } catch {
        continue;
      }
      return "altered and taken all the same";
    }
  }
  return "ok";
}

function cloudEvent(body, headers) {
  if (!headers["ce-id"] && !headers["content-type"].includes("cloudevents")) return "";
  const event = HTTP.toEvent({ headers, body });
  event.validate();
  const { specversion, id, source, type, subject, partitionkey, sequence, time, data } = event;
  return " " + JSON.stringify({ specversion, id, source, type, subject, partitionkey, sequence, time, data });
}

http
  .createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    let verdict;
    let told = "";
    try {
      const body = Buffer.concat(chunks).toString("utf8");
      verdict = judged(body, request.headers);
      told = cloudEvent(body, request.headers);
    } catch (error) {
      verdict = `refused: ${error}`;
    }
    console.log(verdict + told);
    response.writeHead(verdict === "ok" ? 204 : 401).end();
  })
  .listen(Number(port), "127.0.0.1");
