// openid-client signs users in to both Regions of the lab by managed login: discovery, authorization code with PKCE, the keys'
// check of the ID token, userInfo, refresh, revocation; by way of the identity provider, too; and machines by their secret. The
// browser between them is this script. What must be refused is refused.
import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { env, load, password, regions, users } from "./lab.mjs";

const oidc = await import(pathToFileURL(load.resolve("openid-client")));
const { Agent, fetch } = load("undici");

const callback = env.REDIRECT_URI_OF_WEB;
const scope = "openid email gameday/accounts.read";
const federated = users("FEDERATED");

// Whatever is no front door is found by the lab's own resolver.
const resolver = new Resolver();
resolver.setServers([env.RESOLVER]);
const lookup = (host, options, done) =>
  resolver.resolve4(host).then(
    ([address]) => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)),
    done,
  );
const outside = new Agent({ connect: { ca: readFileSync(env.CA_FILE), lookup, timeout: 5000 }, headersTimeout: 20000 });

/** A browser that the failover record leads to one Region. */
function browser(region) {
  const cookies = new Map();
  async function ask(url, options = {}) {
    const jar = cookies.get(url.host) ?? new Map();
    cookies.set(url.host, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = { redirect: "manual", ...options, headers: { ...options.headers, ...(cookie && { cookie }) } };
    const own = url.hostname === env.FRONT_DOOR;
    const answer = await (own ? region.fetch(url, all) : fetch(url, { ...all, dispatcher: outside }));
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const to = answer.headers.get("location");
    return { url, status: answer.status, to: to && new URL(to, url), text: await answer.text() };
  }
  return {
    /** Follows redirects up to a page, or to the client's callback. */
    async open(url, options) {
      let page = await ask(url, options);
      while (page.to && !page.to.href.startsWith(callback)) page = await ask(page.to);
      return page;
    },
    /** Fills in the page's form. */
    fill(page, fields) {
      const plain = (text) => text.replaceAll("&#38;", "&").replaceAll("&amp;", "&");
      const action = new URL(plain(page.text.match(/action="([^"]*)"/)[1]), page.url);
      const body = new URLSearchParams({ _csrf: page.text.match(/name="_csrf" value="([^"]*)"/)[1], ...fields });
      return this.open(action, { method: "POST", body });
    },
  };
}

function configuration(region, client, secret, how) {
  const at = new URL(`https://${env.FRONT_DOOR}:${env.FRONT_DOOR_PORT}/${env.POOL_ID}/.well-known/openid-configuration`);
  const auth = secret ? how(secret) : oidc.None();
  return oidc.discovery(at, env[`CLIENT_ID_OF_${client}`], undefined, auth, { [oidc.customFetch]: region.fetch });
}

/** Begins a sign-in: where the browser goes, and what the client keeps. */
async function begin(config, more = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce(), idTokenExpected: true };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope,
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { url, checks };
}

const refused = (promise, error, what) =>
  assert.rejects(promise, (answer) => (assert.equal(answer.error, error, `${what}: ${answer}`), true), `${what} was accepted`);

async function federate(region, config, name) {
  const { url, checks } = await begin(config, { identity_provider: env.IDENTITY_PROVIDER });
  const visitor = browser(region);
  const page = await visitor.open(url);
  assert.notEqual(page.url.host, url.host, "the form is the provider's");
  const back = await visitor.fill(page, { username: name, password });
  return oidc.authorizationCodeGrant(config, back.to, checks);
}

for (const region of regions) {
  const config = await configuration(region, "WEB");
  assert.equal(config.serverMetadata().issuer, region.issuer);
  // Signatures count, although the tokens come over TLS.
  oidc.enableNonRepudiationChecks(config);
  const [name] = users();

  const visitor = browser(region);
  const { url, checks } = await begin(config);
  let page = await visitor.fill(await visitor.open(url), { username: name, password: `${password}!` });
  assert.equal(page.to, null, "a wrong password was accepted");
  assert.match(page.text, /Incorrect username or password/);
  page = await visitor.fill(page, { username: name, password });
  const tokens = await oidc.authorizationCodeGrant(config, page.to, checks);
  assert.equal(tokens.scope ?? scope, scope);
  const claims = tokens.claims();
  assert.equal(claims["cognito:username"], name);
  assert.equal(claims[env.REGION_CLAIM], region.name);
  await refused(oidc.authorizationCodeGrant(config, page.to, checks), "invalid_grant", "a code used twice");

  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.username, name);
  assert.equal(info.email, `${name}@example.com`);
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(renewed.claims().sub, claims.sub);
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await refused(oidc.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant", "a revoked refresh token");

  // The browser is known by now: a code without a form. Its verifier is another one.
  const again = await begin(config);
  page = await visitor.open(again.url);
  const other = { ...again.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await refused(oidc.authorizationCodeGrant(config, page.to, other), "invalid_grant", "a wrong verifier");
  const wrongScope = await begin(config, { scope: "openid phone" });
  page = await visitor.open(wrongScope.url);
  await refused(oidc.authorizationCodeGrant(config, page.to, wrongScope.checks), "invalid_scope", "an unknown scope");

  const known = federated.next().value;
  const told = (await federate(region, config, known)).claims();
  assert.equal(told["cognito:username"], `${env.IDENTITY_PROVIDER}_${known}`);
  const stranger = `stranger-${region.name}`;
  if (region.replica) {
    await refused(federate(region, config, stranger), "invalid_request", "a stranger at the replica");
  } else {
    const welcomed = (await federate(region, config, stranger)).claims();
    assert.equal(welcomed["cognito:username"], `${env.IDENTITY_PROVIDER}_${stranger}`);
  }

  const secret = env.CLIENT_SECRET_OF_SERVICE;
  for (const how of [oidc.ClientSecretBasic, oidc.ClientSecretPost]) {
    const machine = await configuration(region, "SERVICE", secret, how);
    const { access_token } = await oidc.clientCredentialsGrant(machine, { scope: "gameday/accounts.read" });
    const api = new URL(`https://${env.FRONT_DOOR}:${env.FRONT_DOOR_PORT}${env.API_PATH}`);
    const account = await oidc.fetchProtectedResource(machine, access_token, api, "GET");
    assert.equal(account.status, 200, "the protected API");
    const impostor = await configuration(region, "SERVICE", `${secret}x`, how);
    await refused(oidc.clientCredentialsGrant(impostor), "invalid_client", "a wrong secret");
  }
  console.log(region.name, "passed");
}
