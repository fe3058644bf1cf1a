// aws-jwt-verify accepts the access and ID tokens of both Regions by the keys that each front door
// publishes, and rejects what it should.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import path from "node:path";

const env = process.env;
const { CognitoJwtVerifier, JwtRsaVerifier } = createRequire(path.join(env.NODE_MODULES, "x.js"))("aws-jwt-verify");
const ca = readFileSync(env.CA_FILE);

/** Asks one Region's front door by its address, under the name that its certificate has. */
function ask(address, options, body) {
  return new Promise((resolve, reject) => {
    const request = https.request(
      { host: address, servername: env.FRONT_DOOR, port: env.FRONT_DOOR_PORT, ca, timeout: 20000, agent: false, ...options },
      (response) => {
        let text = "";
        response.on("data", (chunk) => (text += chunk));
        response.on("end", () => resolve({ status: response.statusCode, text }));
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer in 20 s")));
    request.on("error", reject);
    request.end(body);
  });
}

async function login(address) {
  const body = JSON.stringify({
    AuthFlow: "USER_PASSWORD_AUTH",
    ClientId: env.CLIENT_ID,
    AuthParameters: { USERNAME: env.USERNAME_OF_A_USER, PASSWORD: env.PASSWORD_OF_A_USER },
  });
  const headers = {
    host: env.FRONT_DOOR,
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
    "content-length": Buffer.byteLength(body),
  };
  const answer = await ask(address, { method: "POST", path: "/", headers }, body);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text).AuthenticationResult;
}

async function keys(address) {
  const place = `/${env.POOL_ID}/.well-known/jwks.json`;
  const answer = await ask(address, { method: "GET", path: place, headers: { host: env.FRONT_DOOR } });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

/** Cognito's verifier knows one issuer, that of the Region in the pool's ID; the replica's tokens have their own. */
function verifier(region, jwks, tokenUse, clientId = env.CLIENT_ID) {
  let made;
  if (region === env.PRIMARY_REGION) {
    made = CognitoJwtVerifier.create({ userPoolId: env.POOL_ID, clientId, tokenUse });
  } else {
    made = JwtRsaVerifier.create({
      issuer: `https://cognito-idp.${region}.amazonaws.com/${env.POOL_ID}`,
      audience: tokenUse === "id" ? clientId : null,
      customJwtCheck: ({ payload }) => {
        assert.equal(payload.token_use, tokenUse);
        if (tokenUse === "access") assert.equal(payload.client_id, clientId);
      },
    });
  }
  made.cacheJwks(jwks);
  return made;
}

function tampered(token) {
  const [head, payload, signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  claims.username = "somebody-else";
  return [head, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
}

const regions = [];
for (const part of ["PRIMARY", "REPLICA"]) {
  const address = env[`${part}_ADDRESSES`].split(" ")[0];
  const [tokens, jwks] = [await login(address), await keys(address)];
  regions.push({ region: env[`${part}_REGION`], tokens, jwks });
}

for (const { region, tokens, jwks } of regions) {
  const access = await verifier(region, jwks, "access").verify(tokens.AccessToken);
  assert.equal(access.username, env.USERNAME_OF_A_USER);
  assert.equal(access[env.REGION_CLAIM], region);
  const id = await verifier(region, jwks, "id").verify(tokens.IdToken);
  assert.equal(id["cognito:username"], env.USERNAME_OF_A_USER);

  const rejected = (promise, what) => assert.rejects(promise, undefined, `${region}: ${what} was accepted`);
  await rejected(verifier(region, jwks, "access").verify(tampered(tokens.AccessToken)), "a tampered token");
  await rejected(verifier(region, jwks, "access", "another-client").verify(tokens.AccessToken), "another client's token");
  await rejected(verifier(region, jwks, "access").verify(tokens.IdToken), "an ID token for an access token");
  const other = regions.find((those) => those.region !== region);
  await rejected(verifier(region, other.jwks, "access").verify(tokens.AccessToken), "a token by the other Region's keys");
  console.log(region, "passed");
}
