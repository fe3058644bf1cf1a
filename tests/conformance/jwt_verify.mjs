// aws-jwt-verify accepts the tokens of both Regions and of several app clients by the keys that each Region's front door publishes
// under the issuer's address, and rejects what it should, each for the right reason. ISSUER tells which issuer the lab's pool has.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { env, load, password, regions, users } from "./lab.mjs";

const { CognitoJwtVerifier } = load("aws-jwt-verify");
const { SimpleJwksCache } = load("aws-jwt-verify/jwk");
const errors = load("aws-jwt-verify/error");

const [primary, replica] = regions;
const names = users();
const USER_SCOPE = "aws.cognito.signin.user.admin";
const MACHINE_SCOPE = "gameday/accounts.read";

/** The keys of the issuer, where the verifier expects them; the lab stands for AWS. Of two Regions that have them, the nearest answers. */
function fetcher(nearest) {
  return {
    fetch: async (uri) => {
      const serving = regions.filter((region) => region.publishes && uri === `${region.issuer}/.well-known/jwks.json`);
      const region = serving.includes(nearest) ? nearest : serving[0];
      assert.ok(region, `keys were asked for at ${uri}`);
      return Buffer.from(JSON.stringify(await region.keys()));
    },
  };
}

/** A verifier of Cognito pools knows both forms of the issuer, by the Region in the pool's ID. */
function verifier(region, { scope, graceSeconds, ...options }) {
  const cache = { jwksCache: new SimpleJwksCache({ fetcher: fetcher(region) }) };
  return CognitoJwtVerifier.create({ userPoolId: env.POOL_ID, scope, graceSeconds, ...options }, cache);
}

const accepted = (region, options, token) => verifier(region, options).verify(token);

async function rejected(region, options, token, error, what) {
  const checked = (thrown) => {
    assert.equal(thrown.constructor.name, error, `${region.name}: ${what}: ${thrown}`);
    return true;
  };
  assert.ok(errors[error], `aws-jwt-verify has no ${error}`);
  await assert.rejects(verifier(region, options).verify(token), checked, `${region.name}: ${what} was accepted`);
}

async function signIn(region, client, name) {
  const secret = env[`CLIENT_SECRET_OF_${client}`];
  const id = env[`CLIENT_ID_OF_${client}`];
  const hash = secret && { SECRET_HASH: createHmac("sha256", secret).update(name + id).digest("base64") };
  const AuthParameters = { USERNAME: name, PASSWORD: password, ...hash };
  const { status, body } = await region.call("InitiateAuth", { AuthFlow: "USER_PASSWORD_AUTH", ClientId: id, AuthParameters });
  assert.equal(status, 200, JSON.stringify(body));
  return body.AuthenticationResult;
}

const parts = (token) => token.split(".");
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decoded = (part) => JSON.parse(Buffer.from(part, "base64url"));

/** The token with other claims, another header or another signature. */
function forged(token, { claims = {}, header = {}, sign }) {
  const [head, payload, signature] = parts(token);
  const said = `${encoded({ ...decoded(head), ...header })}.${encoded({ ...decoded(payload), ...claims })}`;
  return `${said}.${sign ? sign(said) : signature}`;
}

async function checkUse(region, clientId, tokens, name) {
  for (const [tokenUse, token] of [["access", tokens.AccessToken], ["id", tokens.IdToken]]) {
    const right = { tokenUse, clientId };
    const claims = await accepted(region, right, token);
    assert.equal(claims[tokenUse === "access" ? "username" : "cognito:username"], name);
    assert.equal(claims[env.REGION_CLAIM], region.name);
    await accepted(region, { ...right, clientId: ["another-client", clientId] }, token);
    await rejected(region, { ...right, clientId: "another-client" }, token, "CognitoJwtInvalidClientIdError", "another client's token");
    const otherUse = tokenUse === "access" ? "id" : "access";
    await rejected(region, { ...right, tokenUse: otherUse }, token, "CognitoJwtInvalidTokenUseError", `an ${tokenUse} token for an ${otherUse} token`);
    await accepted(region, { ...right, groups: ["administrators", "customers"] }, token);
    await rejected(region, { ...right, groups: ["administrators"] }, token, "CognitoJwtInvalidGroupError", "a user of no such group");
  }
  const access = { tokenUse: "access", clientId };
  await accepted(region, { ...access, scope: [MACHINE_SCOPE, USER_SCOPE] }, tokens.AccessToken);
  await rejected(region, { ...access, scope: MACHINE_SCOPE }, tokens.AccessToken, "JwtInvalidScopeError", "a token without the scope");
}

async function checkForgeries(region, clientId, tokens, jwks) {
  for (const [tokenUse, token] of [["access", tokens.AccessToken], ["id", tokens.IdToken]]) {
    const right = { tokenUse, clientId };
    const [head, payload, signature] = parts(token);
    const otherOne = Buffer.from(signature, "base64url");
    otherOne[10] ^= 1;
    const signatures = {
      "other claims": forged(token, { claims: { username: "somebody-else" } }),
      "a longer life": forged(token, { claims: { exp: decoded(payload).exp + 86400 } }),
      "another signature": [head, payload, otherOne.toString("base64url")].join("."),
      "the other token's signature": [head, payload, parts(tokenUse === "id" ? tokens.AccessToken : tokens.IdToken)[2]].join("."),
    };
    for (const [what, forgery] of Object.entries(signatures)) {
      await rejected(region, right, forgery, "JwtInvalidSignatureError", what);
    }
    const none = forged(token, { header: { alg: "none" } });
    await rejected(region, right, none, "JwtInvalidSignatureAlgorithmError", "no algorithm");
    // The public key, taken for a secret.
    const byPublicKey = (said) => createHmac("sha256", jwks.keys[0].n).update(said).digest("base64url");
    const symmetric = forged(token, { header: { alg: "HS256" }, sign: byPublicKey });
    await rejected(region, right, symmetric, "JwtInvalidSignatureAlgorithmError", "a signature by the public key");
    await rejected(region, right, forged(token, { header: { kid: "unknown" } }), "KidNotFoundInJwksError", "an unknown key");
  }
}

/** A token lives until its `exp`, by the clock of whoever verifies. */
async function checkExpiry(region, clientId, tokens) {
  for (const [tokenUse, token] of [["access", tokens.AccessToken], ["id", tokens.IdToken]]) {
    const { exp, iat } = decoded(parts(token)[1]);
    assert.equal(exp - iat, 3600);
    const right = { tokenUse, clientId };
    const now = Date.now;
    try {
      Date.now = () => exp * 1000;
      await accepted(region, right, token);
      Date.now = () => exp * 1000 + 1000;
      await rejected(region, right, token, "JwtExpiredError", "an expired token");
      await accepted(region, { ...right, graceSeconds: 1 }, token);
    } finally {
      Date.now = now;
    }
  }
}

/** Client credentials, at the token endpoint of the pool's domain. */
async function machineToken(region) {
  const caller = `${env.CLIENT_ID_OF_SERVICE}:${env.CLIENT_SECRET_OF_SERVICE}`;
  const answer = await region.fetch(`https://${env.FRONT_DOOR}:${env.FRONT_DOOR_PORT}/oauth2/token`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(caller).toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: MACHINE_SCOPE }).toString(),
  });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()).access_token;
}

async function checkMachine(region) {
  const token = await machineToken(region);
  const right = { tokenUse: "access", clientId: env.CLIENT_ID_OF_SERVICE };
  const claims = await accepted(region, { ...right, scope: MACHINE_SCOPE }, token);
  assert.equal(claims.sub, env.CLIENT_ID_OF_SERVICE);
  assert.equal(claims.username, undefined);
  await rejected(region, { ...right, scope: USER_SCOPE }, token, "JwtInvalidScopeError", "a machine for a user");
  await rejected(region, { ...right, groups: "customers" }, token, "CognitoJwtInvalidGroupError", "a machine for a customer");
  await rejected(region, { ...right, tokenUse: "id" }, token, "CognitoJwtInvalidTokenUseError", "a machine's token for an ID token");
  const { CLIENT_ID } = env;
  await rejected(region, { ...right, clientId: CLIENT_ID }, token, "CognitoJwtInvalidClientIdError", "a machine for an app of users");
}

/** Tokens of a session that was renewed. */
async function renewed(region, tokens) {
  const input = { ClientId: env.CLIENT_ID_OF_ROTATING, RefreshToken: tokens.RefreshToken };
  const { status, body } = await region.call("GetTokensFromRefreshToken", input);
  assert.equal(status, 200, JSON.stringify(body));
  return body.AuthenticationResult;
}

const signedIn = new Map();
for (const region of regions) {
  const jwks = await (region.publishes ? region : primary).keys();
  for (const client of ["PUBLIC", "CONFIDENTIAL", "ROTATING"]) {
    const name = names.next().value;
    const tokens = await signIn(region, client, name);
    await checkUse(region, env[`CLIENT_ID_OF_${client}`], tokens, name);
    if (client === "ROTATING") await checkUse(region, env.CLIENT_ID_OF_ROTATING, await renewed(region, tokens), name);
    if (client === "PUBLIC") signedIn.set(region, tokens);
  }
  await checkForgeries(region, env.CLIENT_ID, signedIn.get(region), jwks);
  await checkExpiry(region, env.CLIENT_ID, signedIn.get(region));
  await checkMachine(region);
  console.log(region.name, "passed");
}

/** Every verifier knows the tokens of all Regions, and no other issuer. */
for (const [region, other] of [[primary, replica], [replica, primary]]) {
  const { AccessToken, IdToken } = signedIn.get(region);
  for (const [tokenUse, token] of [["access", AccessToken], ["id", IdToken]]) {
    const right = { tokenUse, clientId: env.CLIENT_ID };
    await accepted(other, right, token);
    const moved = forged(token, { claims: { iss: `https://cognito-idp.${replica.name}.amazonaws.com/${env.POOL_ID}` } });
    await rejected(other, right, moved, "ParameterValidationError", "an issuer of the replica");
  }
}
// Where the primary alone publishes the keys, the replica has none.
await replica.keys();
console.log("tokens across Regions passed");
