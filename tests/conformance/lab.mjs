// What the Node scripts share: the Regions of the lab, requests that reach the Region that a test wants by the front door's name,
// and the codes of software tokens.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

export const env = process.env;
export const load = createRequire(path.join(env.NODE_MODULES, "x.js"));
const { Agent, fetch } = load("undici");

export const password = env.PASSWORD_OF_A_USER;
const updated = env.ISSUER === "updated";
const door = `${env.FRONT_DOOR}:${env.FRONT_DOOR_PORT}`;

/** Of a population; whoever takes one leaves the others to the rest of the script. */
export const users = (population) => env[population ? `USERS_OF_${population}` : "USERS"].split(" ").values();

function region(part) {
  const [address] = env[`${part}_ADDRESSES`].split(" ");
  const to = (_host, options, done) => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4));
  const connect = { ca: readFileSync(env.CA_FILE), lookup: to, timeout: 5000 };
  // A pool of connections of its own, or one that leads to the other Region would be used again.
  const dispatcher = new Agent({ connect, headersTimeout: 20000, bodyTimeout: 20000 });
  const reach = (url, options) => fetch(url, { ...options, dispatcher });
  const name = env[`${part}_REGION`];
  return {
    part,
    name,
    replica: part === "REPLICA",
    /** The primary's, also at the replica. */
    issuer: `https://${updated ? "issuer-" : ""}cognito-idp.${env.PRIMARY_REGION}.amazonaws.com/${env.POOL_ID}`,
    /** The keys of UPDATED are published by both Regions, those of ORIGINAL by the primary alone. */
    publishes: updated || part === "PRIMARY",
    fetch: reach,
    /** Its Cognito API: the Region's endpoint, and its front door. */
    urls: [env[`${part}_API`], `https://${door}/`],
    async keys() {
      const answer = await reach(`https://${door}/${env.POOL_ID}/.well-known/jwks.json`);
      assert.equal(answer.status, this.publishes ? 200 : 404, "keys");
      return this.publishes ? answer.json() : undefined;
    },
    /** An operation of the Cognito API that needs no AWS credentials, at the front door: status and answer. */
    async call(operation, input) {
      const headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${operation}`,
      };
      const answer = await reach(`https://${door}/`, { method: "POST", headers, body: JSON.stringify(input) });
      return { status: answer.status, body: await answer.json() };
    },
  };
}

export const regions = [region("PRIMARY"), region("REPLICA")];

/** The code of a software token (RFC 6238), in scenario time. */
export function code(secret, at) {
  const anchor = Date.parse(env.CLOCK_ANCHOR);
  const now = at ?? (anchor + (Date.now() - anchor) * Number(env.CLOCK_SPEED)) / 1000;
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(now / 30)));
  const digest = createHmac("sha1", base32(secret)).update(step).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1e6).padStart(6, "0");
}

function base32(text) {
  const digit = (letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
  const bits = [...text].map(digit).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

// RFC 6238, appendix B, the last six digits of its eight.
assert.equal(code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59), "287082");

/** A code that is not that one. */
export const wrong = (right) => String((Number(right) + 1) % 1e6).padStart(6, "0");

/** Asks again while the answer is nothing, as replication takes a while. */
export async function within(seconds, what, ask) {
  const start = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(performance.now() - start < seconds * 1000, `waited ${seconds} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
