// Watches the demo's overview in a real browser: figures move by themselves, every page is
// accessible in light and dark and on a narrow screen, and nothing breaks the content policy.
//
//   node tests/e2e/overview.mjs target/debug/quittance [folder for pictures]
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [binary, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const failures = [];
let checks = 0;
function check(what, holds, detail = '') {
  checks += 1;
  console.log(`${holds ? 'ok' : 'FAILED'}  ${what}${holds ? '' : `  ${detail}`}`);
  if (!holds) failures.push(what);
}

const profile = mkdtempSync(join(tmpdir(), 'quittance-browser-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1360, height: 900 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await context.newPage();
const broken = [];
page.on('console', (message) => message.type() === 'error' && broken.push(message.text()));
page.on('pageerror', (error) => broken.push(error.message));
page.on('request', (request) => {
  if (!/^(http:\/\/127\.0\.0\.1|data:|blob:)/.test(request.url())) broken.push(`left the machine: ${request.url()}`);
});

// axe runs in a world of its own, so that the content policy stays in force.
async function accessible(name) {
  const session = await context.newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
  const run = `${axe}; axe.run(document, { iframes: false }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', ')).join('; '))`;
  const { result } = await session.send('Runtime.evaluate', { expression: run, contextId: executionContextId, awaitPromise: true });
  check(`${name} is accessible`, result.value === '', result.value ?? JSON.stringify(result));
  await session.detach();
}
async function picture(name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

// A service with people: each signs in, and sees no button of what they may not do.
async function people() {
  const folder = mkdtempSync(join(tmpdir(), 'quittance-people-'));
  execFileSync(binary, ['init', join(folder, 'shop')], { stdio: 'pipe' });
  const hash = execFileSync(binary, ['password'], { input: 'quatre lampes sur un quai\n' }).toString().trim();
  const file = join(folder, 'shop', 'quittance.toml');
  const person = (id, name, may) => `\n[[person]]\nid = "${id}"\nname = "${name}"\npassword = "${hash}"\nmay = ${may}\n`;
  const text = readFileSync(file, 'utf8').replace(/127\.0\.0\.1:8080"/, '127.0.0.1:0"').replace(/^public_url/m, '# public_url').replace(/^callback_key/m, '# callback_key');
  writeFileSync(file, text + person('anne', 'Anne Martin', '["all"]') + person('claire', 'Claire Roy', '[]'));
  const service = spawn(binary, ['serve', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let log = '';
    const origin = await new Promise((resolve, reject) => {
      service.stderr.on('data', (chunk) => {
        log += chunk;
        const found = log.match(/Back office +(http:\S+)\/bo\/sign-in/);
        if (found) resolve(found[1]);
      });
      service.on('exit', () => reject(new Error(`the service ended:\n${log}`)));
    });
    await page.goto(`${origin}/bo/payouts`);
    check('who has not signed in is asked to', (await page.textContent('h1')) === 'Sign in', page.url());
    for (const [theme, width] of [['light', 1360], ['dark', 1360], ['light', 390]]) {
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize({ width, height: 900 });
      await accessible(`sign in ${theme} ${width}`);
      await picture(`sign-in-${theme}-${width}`);
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1360, height: 900 });
    const signIn = async (name, password) => {
      await page.fill('input[name=id]', name);
      await page.fill('input[name=password]', password);
      await page.click('button:text-is("Sign in")');
    };
    await signIn('claire', 'a wrong password');
    await page.waitForSelector('[role=alert]');
    check('a wrong password is told', (await page.textContent('[role=alert]')).includes('wrong'));
    await accessible('sign in, refused');
    await picture('sign-in-refused');
    // The browser tells its console of every answer 401.
    broken.splice(0, broken.length, ...broken.filter((line) => !/401/.test(line)));
    await signIn('claire', 'quatre lampes sur un quai');
    await page.waitForSelector('h1:text-is("Payouts")');
    check('one comes to the page one wanted', page.url() === `${origin}/bo/payouts`, page.url());
    check('the page says who has signed in', (await page.textContent('header.top')).includes('Claire Roy'));
    for (const path of ['/bo', '/bo/customers', '/bo/configuration', '/bo/reconciliation']) {
      await page.goto(origin + path);
      await accessible(`${path} of somebody who looks`);
    }
    check('who only looks has no button of what they may not do', (await page.locator('text=+1 day').count()) === 0);
    await page.goto(`${origin}/bo`);
    await picture('signed-in');
    await page.click('button:text-is("Sign out")');
    await page.waitForSelector('h1:text-is("Sign in")');
    await page.goto(`${origin}/bo`);
    check('who signed out is asked to sign in', (await page.textContent('h1')) === 'Sign in');
  } finally {
    service.kill('SIGTERM');
    await new Promise((resolve) => (service.exitCode === null ? service.once('exit', resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
}

// The browser is up and has drawn a page before the story begins, which waits for nobody.
await page.goto('about:blank');
const demo = spawn(binary, ['demo', '--port', '0'], { stdio: ['pipe', 'pipe', 'inherit'] });
let said = '';
const link = new Promise((resolve, reject) => {
  demo.stdout.on('data', (chunk) => {
    said += chunk;
    const found = said.match(/http:\S+login=\w+/);
    if (found) resolve(found[0]);
  });
  demo.on('exit', () => reject(new Error(`the demo ended:\n${said}`)));
});

// The script of the stream comes late, as on a busy machine: the page is live all the same.
await page.route('**/hx-sse.min.js', async (route) => {
  await new Promise((resolve) => setTimeout(resolve, 400));
  await route.continue();
});

try {
  const url = await link;
  const origin = new URL(url).origin;
  await page.goto(url);
  check('the one-time link opens the overview', (await page.textContent('h1')) === 'Collections overview');
  const before = { received: await page.textContent('#k-received'), reminders: await page.textContent('#k-reminders') };
  check('the page is there before the first transfer', before.received === '€0.00', before.received);
  // Nothing is loaded again: the figures come by the live stream.
  await page.evaluate(() => { window.stayed = true; });
  await page.waitForFunction((old) => document.querySelector('#k-received').textContent !== old.received, before, { timeout: 40000 });
  await page.waitForFunction((old) => document.querySelector('#k-reminders').textContent !== old.reminders, before, { timeout: 40000 });
  check('money received and reminders move without loading the page again', await page.evaluate(() => window.stayed === true));
  await page.waitForFunction(() => document.querySelectorAll('#feed li').length >= 5, null, { timeout: 40000 });
  check('the activity list fills', true);
  check('the live pill says so', (await page.textContent('[data-live]')).trim() === 'Live');
  await page.waitForFunction(() => /6 of 8/.test(document.querySelector('#kpis').textContent), null, { timeout: 40000 });
  check('six of eight transfers are matched, two wait for a person', true);
  const deadline = Date.now() + 40000;
  while (!/The story is told/.test(said) && Date.now() < deadline) await page.waitForTimeout(200);
  check('the story is told to its end', /The story is told/.test(said), said.slice(-400));

  const paths = ['/bo', '/bo/requests', '/bo/requests?status=settled', '/bo/customers', '/bo/customers?status=late', '/bo/tasks', '/bo/scenarios', '/bo/rules', '/bo/search?q=120%2C50', '/bo/collections', '/bo/collections?list=promised', '/bo/collections?list=disputed', '/bo/collections?list=kept_back', '/bo/collections/attempts', '/bo/collections/policies', '/bo/collections/policies?method=card&code=54', '/bo/plans', '/bo/reconciliation', '/bo/payouts', '/bo/messages', '/bo/messages/undelivered', '/bo/messages/deliveries', '/bo/messages/deliveries?way=hook%3Amaison-dupre%3Aerp', '/bo/templates', '/bo/configuration', '/bo/configuration/edit?file=scenarios.toml', '/bo/configuration/edit?file=templates%2Freminder_late.fr.sms.hbs', '/bo/files', '/bo/event-types', '/docs/api'];
  for (const [theme, width] of [['light', 1360], ['dark', 1360], ['light', 390], ['dark', 390]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 900 });
    for (const path of paths) {
      await page.goto(origin + path);
      const name = `${path} ${theme} ${width}`;
      await accessible(name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      check(`${name} does not scroll sideways`, !wide);
      await picture(name.replace(/\W+/g, '-'));
    }
  }
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${origin}/bo/files`);
  await page.click('tbody a[href^="/bo/files/"] >> nth=0');
  await page.waitForSelector('dl.facts');
  await accessible('a file');
  await picture('file');
  await page.goto(`${origin}/bo/requests`);
  await page.click('a.row-link >> nth=0');
  await page.waitForSelector('.timeline li');
  check('a request tells each step of its scenario', (await page.$$('.steps li')).length === 4, await page.textContent('main'));
  await accessible('a timeline');
  await picture('timeline');
  // What told of it, and every try of one of these.
  await page.click('.told a >> nth=0');
  await page.waitForSelector('.timeline li');
  check('a delivery tells its tries', /Delivered/.test(await page.textContent('main')), await page.textContent('main'));
  await accessible('a delivery');
  await picture('delivery');
  // A customer: found by its name, held back, and let go on.
  await page.goto(`${origin}/bo`);
  await page.keyboard.press('/');
  await page.keyboard.type('Boulangerie Lemoine');
  await page.keyboard.press('Enter');
  await page.waitForSelector('h1');
  check('a name leads to its customer', (await page.textContent('h1')).includes('Boulangerie Lemoine'), await page.textContent('main'));
  await accessible('a customer');
  await picture('customer');
  for (const asked of ['411LEMOINE', '+33612345602', '06 12 34 56 02', 'FR76 2004 1010 0504 2001 1376 474', page.url().split('/').pop()]) {
    const at = page.url();
    await page.goto(`${origin}/bo/search?q=${encodeURIComponent(asked)}`);
    check(`"${asked}" leads there too`, page.url() === at, page.url());
  }
  await page.goto(`${origin}/bo/search?q=f2026%202298`);
  check('an invoice number leads to its request', (await page.textContent('h1')).includes('F-2026-2298'), await page.textContent('main'));
  await page.goBack();
  await page.goto(`${origin}/bo/search?q=411LEMOINE`);
  await page.click('form[action$="/hold"] button');
  await page.waitForSelector('[role=status]');
  check('a customer is held back', /on hold: manual/.test(await page.textContent('h1')), await page.textContent('main'));
  await page.click('form[action$="/lift"] button');
  await page.waitForSelector('[role=status]');
  check('and let go on', !/on hold/.test(await page.textContent('h1')), await page.textContent('main'));
  // What a person can do about it: the forms open, and a dispute is on its list.
  await page.goto(`${origin}/bo/requests?status=overdue`);
  await page.click('a.row-link >> nth=0');
  await page.click('.acts summary:has-text("The payer disputes it")');
  await page.fill('form[action$="/do/dispute"] input[name=by]', 'Ana');
  await page.fill('form[action$="/do/dispute"] input[name=reason]', 'two chairs are missing');
  await page.click('form[action$="/do/dispute"] button');
  await page.waitForSelector('[role=status]');
  check('a dispute is noted', /Ana: two chairs are missing/.test(await page.textContent('main')), await page.textContent('main'));
  await accessible('what to do about a request');
  await picture('request-acts');
  await page.fill('form[action$="/do/end-dispute"] input[name=by]', 'Ana');
  await page.fill('form[action$="/do/end-dispute"] input[name=reason]', 'they came');
  await page.click('form[action$="/do/end-dispute"] button');
  await page.waitForSelector('[role=status]');
  check('and has ended', /The dispute has ended/.test(await page.textContent('[role=status]')));
  // A cheque is noted, and counts.
  await page.click('.acts summary:has-text("A cheque, cash")');
  await page.fill('form[action$="/received"] input[name=reference]', 'cheque 118');
  await page.fill('form[action$="/received"] input[name=by]', 'Ana');
  await accessible('a cheque');
  await picture('request-cheque');
  await page.click('form[action$="/received"] button');
  await page.waitForSelector('[role=status]');
  check('a cheque is counted', /Noted: it is counted/.test(await page.textContent('[role=status]')), await page.textContent('main'));
  // What a card has paid goes back to it.
  await page.goto(`${origin}/bo/search?q=F-2026-2312`);
  await page.click('.acts summary:has-text("To the card that has paid it")');
  await page.fill('form[action$="/do/refund"] input[name=amount]', '12,50');
  await page.fill('form[action$="/do/refund"] input[name=by]', 'Ana');
  await page.fill('form[action$="/do/refund"] input[name=reason]', 'a lamp came broken');
  await accessible('a refund');
  await picture('request-refund');
  await page.click('form[action$="/do/refund"] button');
  await page.waitForSelector('[role=status]');
  check('money goes back to a card', /To be given back/.test(await page.textContent('[role=status]')), await page.textContent('main'));
  check('its page says so', /Given back€12.50/.test(await page.textContent('main')) && /Refund initiated/.test(await page.textContent('main')), await page.textContent('main'));
  await picture('request-refunded');
  // A plan rests, and goes on.
  await page.goto(`${origin}/bo/plans`);
  await page.click('a.row-link >> nth=0');
  await page.waitForSelector('.timeline li');
  check('a plan shows its cycles', (await page.textContent('main')).includes('ABO-411-2'), await page.textContent('main'));
  await accessible('a plan');
  await picture('plan');
  const pause = page.locator('form[action$="/pause"]');
  await pause.locator('[name=reason]').fill('The payer is away');
  await pause.locator('button').click();
  await page.waitForSelector('.said');
  check('a plan is paused', (await page.textContent('main')).includes('Paused until it is resumed: The payer is away'));
  await accessible('a plan at rest');
  await page.locator('form[action$="/resume"] button').click();
  await page.waitForSelector('.said');
  check('and goes on', (await page.textContent('.said')).includes('Goes on'), await page.textContent('main'));
  // A person decides with one key, and undoes it with one.
  await page.goto(`${origin}/bo/reconciliation`);
  const waiting = () => page.textContent('.head p');
  const tasks = await waiting();
  for (let at = 0; at < 5 && (await page.locator('[data-accept]').count()) === 0; at += 1) {
    await Promise.all([page.waitForNavigation(), page.keyboard.press('j')]);
  }
  check('a task shows what was weighed', (await page.$$('.proposal')).length >= 1);
  await picture('workbench');
  const payer = await page.textContent('.wb header h2');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.said');
  check('Enter reconciles', (await page.textContent('.said')).includes('Reconciled'), await page.textContent('main'));
  check('one task less', (await waiting()) !== tasks, await waiting());
  await accessible('the workbench after a decision');
  await picture('workbench-decided');
  await page.keyboard.press('u');
  await page.waitForFunction(() => document.querySelector('.said')?.textContent.includes('Taken back'));
  check('U takes it back', (await page.textContent('.wb header h2')) === payer && (await waiting()) === tasks, await waiting());
  // The overview leads to the transfer itself.
  await page.goto(`${origin}/bo`);
  await page.click('table a:has-text("M. Inconnu")');
  check('the overview leads to the transfer', (await page.textContent('.wb header h2')) === 'M. Inconnu', page.url());
  await page.goto(`${origin}/bo/reconciliation`);
  // What nobody here is owed goes back, once a second person agrees.
  await page.click('a.tx:has-text("M. Inconnu")');
  await page.waitForSelector('form[action$="/give-back"]');
  // Nobody knows the account that it came from: once a person says whose money it is, that is proposed to be remembered.
  const unknown = page.url();
  await page.fill('input[name=customer]', '411LEMOINE');
  await page.click('text=Look');
  await page.waitForSelector('details.hand');
  await page.click('details.hand button');
  await page.waitForSelector('form[action$="/remember-payer"]');
  check('a decision proposes to remember the account', /Is BE68…7034 always the account of \S+/.test(await page.textContent('main')), await page.textContent('main'));
  await accessible('an account to be remembered');
  await picture('workbench-remember');
  await page.click('form[action$="/remember-payer"] button');
  await page.waitForSelector('.said');
  check('the account is remembered, and not proposed again', (await page.textContent('.said')).includes('The account is remembered') && (await page.$$('form[action$="/remember-payer"]')).length === 0, await page.textContent('main'));
  await page.goto(unknown);
  await page.fill('form[action$="/take-back"] input[name=reason]', 'not theirs');
  await page.click('form[action$="/take-back"] button');
  await page.waitForSelector('form[action$="/give-back"]');
  const giving = page.locator('form[action$="/give-back"]');
  await giving.locator('[name=by]').fill('Ana');
  await giving.locator('[name=reason]').fill('Sent to us by mistake');
  await giving.locator('button').click();
  await page.waitForSelector('.said');
  check('a transfer is given back', (await page.textContent('.said')).includes('To be given back'));
  await page.goto(`${origin}/bo/payouts`);
  const approving = (name) => async () => {
    await page.locator('form[action$="/approve"] [name=by] >> nth=0').fill(name);
    await page.locator('form[action$="/approve"] button.primary >> nth=0').click();
    await page.waitForSelector('.said');
  };
  check('it waits for a second person', (await page.textContent('main')).includes('Sent to us by mistake'));
  await accessible('payouts that wait');
  await picture('payouts-waiting');
  await approving('ana')();
  check('who asked is not the second', (await page.textContent('.said')).includes('another person approves it'));
  await approving('Bob')();
  await approving('Bob')();
  check('a second person approves', (await page.textContent('main')).includes('with the bank'), await page.textContent('main'));
  // A person finds out what became of one: another than who asked.
  await page.click('tr:has-text("Sent to us by mistake") summary');
  await page.fill('tr:has-text("Sent to us by mistake") form [name=by]', 'Bob');
  await accessible('payouts');
  await picture('payouts-approved');
  await page.click('tr:has-text("Sent to us by mistake") button:has-text("It was made")');
  await page.waitForSelector('.said');
  check('what became of a payout is noted', (await page.textContent('.said')).includes('Noted: it was made'), await page.textContent('main'));
  await page.goto(`${origin}/bo/reconciliation?show=all`);
  await page.click('a.tx:has(.badge.ok) >> nth=0');
  await page.waitForSelector('.alloc');
  await accessible('a matched transfer');
  await picture('workbench-matched');
  // The bank takes something back and does not say what: a person does.
  const paid = /(€|EUR)\s*([\d,]+\.\d\d)/.exec(await page.textContent('.wb header .amount'))[2].replace(',', '');
  const banks = join(/data in (.+) \(/.exec(said)[1], 'data/bank/in');
  writeFileSync(join(banks, 'taken.part'), `<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>E2E</Id><Acct><Id><IBAN>FR7630001007941234567890185</IBAN></Id></Acct>
    <Ntry><Amt Ccy="EUR">${paid}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-20</Dt></BookgDt><AcctSvcrRef>E2E-1</AcctSvcrRef>
    <NtryDtls><TxDtls><RltdPties><Cdtr><Pty><Nm>Banque du payeur</Nm></Pty></Cdtr></RltdPties><RtrInf><Rsn><Cd>FOCR</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`);
  renameSync(join(banks, 'taken.part'), join(banks, 'taken.xml'));
  const taking = page.locator('form[action$="/recalls"] input[type=hidden]');
  for (let at = 0; at < 40 && (await taking.count()) === 0; at += 1) {
    await page.waitForTimeout(250);
    await page.goto(`${origin}/bo/reconciliation`);
  }
  check('what the bank takes back is a task with the transfers it may be', (await taking.count()) >= 1);
  await accessible('a task of what the bank takes back');
  await picture('workbench-recall');
  await page.locator('form[action$="/recalls"] button >> nth=0').click();
  await page.waitForSelector('.said');
  check('a person says which it takes back', (await page.textContent('.said')).includes('Taken back by the bank'), await page.textContent('.said'));
  await page.goto(`${origin}/bo/reconciliation?show=all`);
  await page.click('a.tx:has(.badge.bad) >> nth=0');
  await page.waitForSelector('.reason');
  await accessible('a transfer that the bank took back');
  await picture('workbench-recalled');
  // One payer pays for several customers: what is theirs is ticked, and the rest is decided about next.
  await page.goto(`${origin}/bo/requests?status=open`);
  const invoice = (await page.textContent('a.row-link >> nth=0')).trim();
  writeFileSync(join(banks, 'holding.part'), `<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Id>E2H</Id><Acct><Id><IBAN>FR7630001007941234567890185</IBAN></Id></Acct>
    <Ntry><Amt Ccy="EUR">98765.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-20</Dt></BookgDt><AcctSvcrRef>E2H-1</AcctSvcrRef>
    <NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Holding des Boutiques</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>pour nos boutiques</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`);
  renameSync(join(banks, 'holding.part'), join(banks, 'holding.xml'));
  const holding = page.locator('a.tx:has-text("Holding des Boutiques")');
  for (let at = 0; at < 40 && (await holding.count()) === 0; at += 1) {
    await page.waitForTimeout(250);
    await page.goto(`${origin}/bo/reconciliation`);
  }
  await holding.first().click();
  await page.waitForSelector('input[name=customer]');
  await page.fill('input[name=customer]', invoice);
  await page.click('text=Look');
  await page.waitForSelector('details.hand input[name=take]');
  check('the invoice that was looked for is ticked', (await page.locator('details.hand input[name=take]:checked').count()) === 1);
  await accessible('a transfer that is divided');
  await picture('workbench-divide');
  await page.click('details.hand button[name=rest]');
  await page.waitForSelector('.said');
  check('a transfer is divided, and its rest is looked at', (await page.textContent('.said')).includes('Divided') && (await page.textContent('main')).includes('part of a transfer that was divided'), await page.textContent('main'));
  await accessible('the rest of a transfer');
  await picture('workbench-rest');
  await page.click('text=another transfer');
  await page.waitForSelector('text=Part 2');
  check('the whole shows its parts', (await page.textContent('main')).includes('divided into 2 parts'), await page.textContent('main'));
  await picture('workbench-divided');
  await page.goto(`${origin}/bo/messages`);
  const mail = page.frameLocator('iframe.mail');
  check('a caught mail shows as its reader sees it', (await mail.locator('body').textContent()).includes('Maison Dupré'));
  await page.goto(`${origin}/bo/requests`);
  const about = (await page.getAttribute('a.row-link >> nth=0', 'href')).split('/').pop();
  await page.goto(`${origin}/bo/templates?name=reminder_late&channel=email&language=fr`);
  await page.fill('input[name=about]', about);
  await page.click('text=Show');
  const seen = page.frameLocator('iframe.mail');
  check('a template shows with an event of the past', (await seen.locator('body').textContent()).match(/F-2026-|ABO-411-/) !== null, await page.textContent('main'));
  await accessible('a template with an event of the past');
  await picture('template');
  // What a person is to do about a customer: asked for, assigned, done.
  await page.goto(`${origin}/bo/customers?status=late`);
  await page.click('a.row-link >> nth=0');
  const asked = page.locator('form[action$="/task"]');
  await asked.locator('input[name=by]').fill('ana');
  await asked.locator('input[name=text]').fill('Call about the late invoice');
  await asked.locator('input[name=due_on]').fill('2026-03-20');
  await asked.locator('button').click();
  await page.waitForSelector('.said');
  await page.fill('form[action$="/tag"] input[name=tag]', 'key-account');
  await page.click('form[action$="/tag"] button');
  await page.waitForSelector('h1 .badge.info:text-is("key-account")');
  await accessible('a customer with a task and a tag');
  await picture('customer-task');
  await page.goto(`${origin}/bo/tasks`);
  check('tasks of all customers are listed', (await page.textContent('main')).includes('Call about the late invoice'), await page.textContent('main'));
  await accessible('tasks');
  await picture('tasks');
  await page.click('a.row-link >> nth=0');
  await page.fill('form[action$="/done"] input[name=by]', 'ben');
  await page.fill('form[action$="/done"] input[name=outcome]', 'pays on Friday');
  await page.click('form[action$="/done"] button');
  await page.waitForSelector('.said');
  check('a task is done, and the timeline tells of it', /Task closed/.test(await page.textContent('.timeline')) && /by ben, pays on Friday/.test(await page.textContent('.timeline')), await page.textContent('.timeline'));
  // The page that a payer has of a request, and what the payer answers there.
  await page.goto(`${origin}/bo/customers?status=late`);
  await page.click('a.row-link >> nth=0');
  await page.click('a.row-link >> nth=0');
  const payers = await page.getAttribute('a.btn:has-text("Payer")', 'href');
  for (const [theme, width] of [['light', 1360], ['dark', 390]]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.setViewportSize({ width, height: 900 });
    await page.goto(`${origin}${payers}?lang=en`);
    await accessible(`the payer's page ${theme} ${width}`);
    check(`the payer's page does not scroll sideways ${width}`, !(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)));
    await picture(`payer-${theme}-${width}`);
  }
  await page.setViewportSize({ width: 1360, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  check('a payer sees what to pay and where', /Amount due/.test(await page.textContent('main')) && (await page.$$('figure img')).length === 1, await page.textContent('main'));
  await page.click('summary:has-text("I will pay later")');
  await page.click('button:has-text("Promise")');
  await page.waitForSelector('.said');
  check('a payer promises to pay', /We wait for your payment/.test(await page.textContent('main')), await page.textContent('main'));
  await accessible('a promise on the payer\'s page');
  await picture('payer-promised');
  // The configuration changes on a page: wrong first, then tried, published, and taken back.
  await page.goto(`${origin}/bo/rules`);
  await page.click('main a.btn:text-is("Edit")');
  await page.fill('textarea', (await page.inputValue('textarea')).replace('transfer.amount >', 'transfer.amont >'));
  await page.click('button[value=check]');
  await page.waitForSelector('[data-line]');
  const place = await page.textContent('[data-line]');
  check('what is wrong with a draft is told with its place', /^rules\.toml:\d+:9$/.test(place), place);
  await accessible('a draft that cannot be used');
  await picture('draft-wrong');
  await page.click('[data-line]');
  const marked = await page.evaluate(() => { const text = document.querySelector('textarea'); return text.value.slice(text.selectionStart, text.selectionEnd); });
  check('its line is gone to', marked.includes('transfer.amont'), marked);
  await page.goto(`${origin}/bo/configuration/edit?file=scenarios.toml`);
  await page.fill('textarea', (await page.inputValue('textarea')).replace('offset = "+10d"', 'offset = "+12d"'));
  await page.click('button[value=foresee]');
  await page.waitForSelector('.diff');
  const foreseen = await page.textContent('main');
  check('a draft says whom it would move', /\d+ requests have a step to come/.test(foreseen) && /changed: scenario standard/.test(foreseen), foreseen);
  await accessible('a draft that was tried');
  await picture('draft-tried');
  await page.fill('input[name=note]', 'two days more');
  await page.click('button[value=publish]');
  await page.waitForSelector('.said');
  check('a draft is published as an edition', (await page.textContent('.said')).includes('Edition 1 is in use'));
  await page.goto(`${origin}/bo/scenarios`);
  check('it is in use', (await page.textContent('main')).includes('12 days after the deadline'), await page.textContent('main'));
  await page.goto(`${origin}/bo/configuration/editions/1`);
  check('an edition tells what it changed', (await page.textContent('.diff')).includes('+offset = "+12d"'));
  await accessible('an edition');
  await picture('edition');
  await page.goto(`${origin}/bo/configuration`);
  await page.click('form[action$="/editions/0/restore"] button');
  await page.waitForSelector('.said');
  check('it is taken back', (await page.textContent('.said')).includes('Edition 2 is in use'));
  // A retry policy: after which reasons something else follows.
  await page.goto(`${origin}/bo/configuration/edit?file=collections.toml`);
  const policies = (await page.inputValue('textarea')).split('# Caps of one card')[0];
  await page.fill('textarea', policies.replace('new_attempts = 3 ', 'new_attempts = 4 '));
  await page.click('button[value=foresee]');
  await page.waitForSelector('.diff');
  const otherwise = await page.textContent('main');
  check('a draft of a retry policy says after which reasons it does otherwise', /collected by it/.test(otherwise) && /Card [\d, ]*\b51\b[^→]*3 → 4/.test(otherwise), otherwise);
  await accessible('a draft of a retry policy');
  await picture('draft-policy');
  // A template, seen while it is written.
  await page.goto(`${origin}/bo/templates?name=reminder_late&channel=email&language=en`);
  await page.click('main a.btn:text-is("Edit")');
  const shown = page.frameLocator('iframe[name=preview]');
  await shown.locator('text=Unless we are mistaken').waitFor();
  await page.fill('textarea', (await page.inputValue('textarea')).replace('Unless we are mistaken', 'If we see it right'));
  await shown.locator('text=If we see it right').waitFor();
  check('a template shows while it is written', true);
  await page.fill('textarea', (await page.inputValue('textarea')).replace('{{customer.name}}', '{{customer.nam}}'));
  await shown.locator('text=did you mean').waitFor();
  check('what is wrong with it shows too', true);
  await picture('template-draft');
  await page.fill('textarea', (await page.inputValue('textarea')).replace('{{customer.nam}}', '{{customer.name}}'));
  await page.selectOption('select[name=to]', 'accounting');
  await page.click('button[value=test]');
  await page.waitForSelector('.said');
  check('a test of a draft leaves', (await page.textContent('.said')).includes('Caught for accounting'), await page.textContent('.said'));
  await page.goto(`${origin}/bo/messages`);
  check('it is kept with the other messages', (await page.textContent('main')).includes('[Test]'), await page.textContent('main'));
  await page.goto(`${origin}/bo`);
  const clock = await page.textContent('#clock');
  await page.click('text=+1 day');
  await page.waitForSelector('h1');
  check('the test clock moves by a day from the page', (await page.textContent('#clock')) !== clock);
  await people();
  check('no error in the console and nothing loaded from elsewhere', broken.length === 0, broken.join('\n'));
} catch (error) {
  check('the browser test ran to its end', false, `${error.stack}\n${said.slice(-1500)}`);
} finally {
  await context.close();
  demo.kill('SIGINT');
  await new Promise((resolve) => (demo.exitCode === null ? demo.once('exit', resolve) : resolve()));
  rmSync(profile, { recursive: true, force: true });
}
check('the demo ends on Ctrl-C and removes its folder', /everything is removed/.test(said), said.slice(-300));
console.log(`${checks - failures.length} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
