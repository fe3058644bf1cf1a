// amazon-cognito-identity-js as a peer of `make bench-users`. The first line of the input says where the lab is and who signs
// in; each line after it is an order: `math SECONDS` computes what a client computes, `login SECONDS` signs in. The answer to
// each is how many sign-ins that were.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const require = createRequire(path.join(process.env.NODE_MODULES, "x.js"));
const { AuthenticationDetails, CognitoUser, CognitoUserPool } = require("amazon-cognito-identity-js");

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const setting = JSON.parse((await lines.next()).value);
const details = () => new AuthenticationDetails({ Username: setting.user, Password: setting.password });

function user() {
  const Pool = new CognitoUserPool({ UserPoolId: setting.pool, ClientId: setting.client, endpoint: setting.endpoint });
  return new CognitoUser({ Username: setting.user, Pool });
}

function login() {
  return new Promise((onSuccess, onFailure) => {
    user().authenticateUser(details(), { onSuccess, onFailure });
  }).then((session) => assert(session.getAccessToken().getJwtToken()));
}

/** The library's own sign-in, with the network cut out. */
function math() {
  return new Promise((resolve, reject) => {
    const one = user();
    one.client.request = (operation, parameters, callback) => {
      if (operation === "InitiateAuth") {
        assert(parameters.AuthParameters.SRP_A);
        callback(null, { ChallengeName: "PASSWORD_VERIFIER", ChallengeParameters: setting.challenge });
      } else {
        assert(parameters.ChallengeResponses.PASSWORD_CLAIM_SIGNATURE);
        resolve();
      }
    };
    one.authenticateUser(details(), { onFailure: reject });
  });
}

const work = { math, login };
// Imports and the first of everything are done before the first order.
await login();
await math();
console.log("ready");
for await (const line of lines) {
  const [what, seconds] = line.split(" ");
  const until = performance.now() + 1000 * Number(seconds);
  let done = 0;
  while (performance.now() < until) {
    await work[what]();
    done += 1;
  }
  console.log(done);
}
process.exit(0);
