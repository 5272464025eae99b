// An SMSC that takes what is submitted and says a line of it, gives ids, sends receipts, and hands on what is written on
// its standard input (`FROM TO TEXT`, or `drop`). A number ending in 58 is too busy at first, one in 99 is refused; of one
// ending in 77 nothing is answered.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import smpp from 'smpp';

const [port, first] = [Number(process.argv[2]), Number(process.argv[3] ?? 1)];
// By TLS when a key and a certificate are named.
const [key, cert] = process.argv.slice(4).map((path) => readFileSync(path));
const sessions = new Set();
const busy = new Map();
let next = first;

const receipt = (id, stat, pdu) => ({
  esm_class: 4,
  source_addr: pdu.destination_addr,
  destination_addr: pdu.source_addr,
  // In decimals what was given in hexadecimals, as some do.
  short_message: `id:${id} sub:001 dlvrd:001 submit date:2603021000 done date:2603021001 stat:${stat} err:${stat === 'DELIVRD' ? '000' : '006'} text:`,
});

const server = smpp.createServer(key ? { key, cert } : {}, (session) => {
  session.on('error', () => {});
  session.on('close', () => sessions.delete(session));
  session.on('bind_transceiver', (pdu) => {
    const known = pdu.system_id === 'quittance' && pdu.password === 'secret';
    console.log(`bind ${pdu.system_id} 0x${pdu.interface_version.toString(16)} ${known}`);
    session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RBINDFAIL, system_id: 'smsc' }));
    if (known) sessions.add(session);
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('submit_sm', (pdu) => {
    const to = pdu.destination_addr;
    const { message, udh } = pdu.short_message;
    const part = udh ? [...udh[0] ?? udh].join('.') : '';
    if (to.endsWith('77')) return console.log(`heard ${to}`);
    if (to.endsWith('99')) return session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
    const tries = (busy.get(to) ?? 0) + 1;
    busy.set(to, tries);
    // The first try, and the second part of a long one.
    if (to.endsWith('58') && (tries === 1 || tries === 3)) {
      return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    }
    const id = next++;
    const from = `${pdu.source_addr}/${pdu.source_addr_ton}/${pdu.source_addr_npi}`;
    console.log(`submit ${from} ${to}/${pdu.dest_addr_ton}/${pdu.dest_addr_npi} ${pdu.data_coding} ${pdu.registered_delivery} [${part}] ${JSON.stringify(message)}`);
    session.send(pdu.response({ message_id: id.toString(16) }));
    const stat = to.endsWith('66') ? 'UNDELIV' : 'DELIVRD';
    setTimeout(() => session.deliver_sm(receipt(id, stat, pdu), () => console.log(`told ${stat}`)), 150);
  });
});
server.listen(port, '127.0.0.1');

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'drop') {
    for (const session of sessions) session.destroy ? session.destroy() : session.socket.destroy();
    return;
  }
  const [from, to, ...words] = line.split(' ');
  for (const session of sessions) {
    session.deliver_sm({ source_addr: from, destination_addr: to, short_message: words.join(' ') }, () => console.log('acknowledged'));
  }
});
