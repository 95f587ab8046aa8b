// Logging in with an OpenID provider: a real one (npm oidc-provider) beside a server of our own.
//
//   federation.mjs VIGIE FOLDER
//
// VIGIE is the program, FOLDER a place for its database. The server starts with the provider in its
// configuration; a browser (cookies, redirects and forms, and no more) goes there and comes back.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Provider } from 'oidc-provider';

const [vigie, folder] = process.argv.slice(2);
const SECRET = 'a secret of the tests alone, which is long enough';

async function freePort() {
  const socket = createServer().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

/** A person with a browser: cookies by origin and path, redirects followed, forms sent. */
class Browser {
  jar = [];

  cookies(url) {
    const own = this.jar.filter(one => one.origin === url.origin && url.pathname.startsWith(one.path));
    return own.map(one => `${one.name}=${one.value}`).join('; ');
  }

  keep(url, response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...flags] = line.split(';').map(part => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const path = flags.find(flag => /^path=/i.test(flag))?.slice(5) ?? '/';
      this.jar = this.jar.filter(one => one.origin !== url.origin || one.name !== name || one.path !== path);
      if (value) this.jar.push({ origin: url.origin, name, value, path });
    }
  }

  /** One request, and where it leads to: the last address, its status and its text. */
  async go(address, form) {
    let url = new URL(address);
    for (let hop = 0; hop < 20; hop += 1) {
      const headers = { cookie: this.cookies(url), 'accept-language': 'en' };
      let options = { headers, redirect: 'manual' };
      if (form) {
        headers['content-type'] = 'application/x-www-form-urlencoded';
        headers.origin = url.origin;
        options = { ...options, method: 'POST', body: new URLSearchParams(form).toString() };
      }
      const response = await fetch(url, options);
      this.keep(url, response);
      form = undefined;
      const to = response.headers.get('location');
      if (!to) return { url, status: response.status, text: await response.text() };
      this.last = url = new URL(to, url);
    }
    throw new Error('it goes round and round');
  }

  /** Sends the first form of a page. */
  async submit(page, fields) {
    const part = page.text.split('<form')[1].split('</form>')[0];
    const action = /action="([^"]*)"/.exec(part)[1];
    const hidden = [...part.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
      /name="([^"]*)"/.exec(tag)[1], /value="([^"]*)"/.exec(tag)[1]]);
    return this.go(new URL(action, page.url), { ...Object.fromEntries(hidden), ...fields });
  }
}

const [ours, theirs] = [await freePort(), await freePort()];
const [origin, issuer] = [`http://127.0.0.1:${ours}`, `http://127.0.0.1:${theirs}`];
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'vigie', client_secret: SECRET, redirect_uris: [`${origin}/auth/federation/callback`],
  }],
  cookies: { keys: ['of the tests alone'] },
});
const listening = provider.listen(theirs, '127.0.0.1');
await once(listening, 'listening');

const environment = {
  ...process.env, VIGIE_FEDERATION_ISSUER: issuer, VIGIE_FEDERATION_CLIENT: 'vigie',
  VIGIE_FEDERATION_SECRET: SECRET, VIGIE_FEDERATION_NAME: 'the region', VIGIE_OUTBOUND_LOOPBACK: 'true',
};
const database = `sqlite:${join(folder, 'federation.sqlite')}`;
const server = spawn(vigie, ['serve', '--listen', `127.0.0.1:${ours}`, '--database', database], { env: environment });
let told = '';
server.stdout.on('data', data => { told += data; });
server.stderr.on('data', data => { told += data; });
try {
  while (!told.includes('listening on')) {
    assert.equal(server.exitCode, null, told);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  const add = (login, subject) => execFileSync(vigie, ['user', 'add', login, '--person', `Practitioner/${login}`,
    '--role', 'professional', '--identity', subject, '--database', database], { env: environment });
  add('anne', 'rpps-10003456789');

  /** From the login page there and back, as whoever the provider says. */
  const logIn = async (browser, subject) => {
    const login = await browser.go(`${origin}/auth/login`);
    assert.match(login.text, /Log in with the region/);
    let page = await browser.go(`${origin}/auth/federation`);
    assert.equal(page.url.origin, issuer, page.text);
    const asked = page.url.searchParams;
    page = await browser.submit(page, { login: subject, password: 'whatever' });
    if (page.url.origin === issuer) page = await browser.submit(page, {});
    return { page, asked };
  };

  const anne = new Browser();
  const { page } = await logIn(anne, 'rpps-10003456789');
  assert.equal(page.status, 200, page.text);
  assert.equal(page.url.pathname, '/auth/account');
  assert.match(page.text, /You are logged in/);
  console.log('federation: who has an account comes in');

  // The same answer once more, and in another browser.
  const used = anne.jar.length;
  assert.ok(used > 0);
  const stranger = new Browser();
  const none = await logIn(stranger, 'rpps-of-nobody');
  assert.equal(none.page.status, 401, none.page.text);
  assert.equal((await stranger.go(`${origin}/auth/account`)).url.pathname, '/auth/login');
  console.log('federation: who has none does not');

  const thief = new Browser();
  await thief.go(`${origin}/auth/login`);
  const forged = await thief.go(`${origin}/auth/federation/callback?state=x&code=y`);
  assert.equal(forged.status, 401);
  console.log('federation: nor does who was never sent');

  execFileSync(vigie, ['user', 'lock', 'anne', '--database', database], { env: environment });
  assert.equal((await anne.go(`${origin}/auth/account`)).url.pathname, '/auth/login');
  const again = await logIn(new Browser(), 'rpps-10003456789');
  assert.equal(again.page.status, 401);
  console.log('federation: nor who is locked');

  for (const secret of [SECRET, 'rpps-of-nobody']) assert.ok(!told.includes(secret), told);
} finally {
  server.kill();
  listening.close();
  listening.closeAllConnections();
}
