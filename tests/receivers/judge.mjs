// Says of each signature of a mail on the standard input whether it is good, as mailauth judges it, with keys from a
// folder: node judge.mjs KEYS < mail.
import { readFile } from 'node:fs/promises';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';

const keys = process.argv[2];
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const resolver = async name => {
  const selector = name.split('._domainkey.')[0];
  return [[(await readFile(`${keys}/${selector}.txt`, 'utf8')).trim()]];
};
const { results } = await dkimVerify(Buffer.concat(chunks), { resolver });
for (const { signingDomain, selector, status } of results) {
  console.log(signingDomain, selector, status.result === 'pass' ? 'good' : 'bad');
}
