// amazon-cognito-identity-js signs users in to both Regions of the lab in every way that it knows: at the Region's API endpoint and
// through its front door over TLS. What must be refused is refused.
import assert from "node:assert/strict";
import { code, env, load, password, regions, users, within, wrong } from "./lab.mjs";

const { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } = load(
  "amazon-cognito-identity-js",
);

const totpSecret = env.TOTP_SECRET_OF_TOTP;
const names = { plain: users(), totp: users("TOTP"), fresh: users("NEW_PASSWORD"), out: users("SIGN_OUT") };

// The package asks by the global `fetch`; each URL here is of one Region.
let here;
globalThis.fetch = (url, options) => here.fetch(url, options);

/** Without a storage of its own, the last user's session would be taken for every other user's. */
function storage() {
  const kept = new Map();
  return {
    setItem: (key, value) => void kept.set(key, value),
    getItem: (key) => kept.get(key) ?? null,
    removeItem: (key) => kept.delete(key),
    clear: () => kept.clear(),
  };
}

function user(endpoint, name) {
  const own = storage();
  const Pool = new CognitoUserPool({ UserPoolId: env.POOL_ID, ClientId: env.CLIENT_ID, endpoint, Storage: own });
  return new CognitoUser({ Username: name, Pool, Storage: own });
}

/** The callbacks of one step: its result, or the challenge that comes next. */
function step(begin) {
  return new Promise((resolve, reject) => {
    const challenge = (name) => (...parameters) => resolve({ challenge: name, parameters });
    begin({
      onSuccess: (session) => resolve({ session }),
      onFailure: reject,
      totpRequired: challenge("totpRequired"),
      newPasswordRequired: challenge("newPasswordRequired"),
      mfaRequired: challenge("mfaRequired"),
      selectMFAType: challenge("selectMFAType"),
      mfaSetup: challenge("mfaSetup"),
      customChallenge: challenge("customChallenge"),
    });
  });
}

const asked = (begin) =>
  new Promise((resolve, reject) => begin((error, answer) => (error ? reject(error) : resolve(answer))));

// SRP costs the package a good tenth of a second: what is not about the flow is done by password.
const BY_PASSWORD = "USER_PASSWORD_AUTH";
const FLOWS = [BY_PASSWORD, "USER_SRP_AUTH"];

function signIn(who, word, flow) {
  who.setAuthenticationFlowType(flow);
  const details = new AuthenticationDetails({ Username: who.getUsername(), Password: word });
  return step((callbacks) => who.authenticateUser(details, callbacks));
}

const refused = (promise, error, what) =>
  assert.rejects(promise, (answer) => (assert.equal(answer.code, error, `${what}: ${answer}`), true), `${what} was accepted`);

const userData = (who) => asked((done) => who.getUserData(done, { bypassCache: true }));
const renew = (who, token) => asked((done) => who.refreshSession(token, done));

function checkSession(session, name) {
  assert.ok(session.isValid(), "the session has expired");
  const access = session.getAccessToken().decodePayload();
  const id = session.getIdToken().decodePayload();
  assert.equal(access.username, name);
  assert.equal(id["cognito:username"], name);
  assert.equal(access.client_id, env.CLIENT_ID);
  assert.equal(id.aud, env.CLIENT_ID);
  for (const claims of [access, id]) {
    assert.equal(claims.iss, here.issuer);
    assert.equal(claims[env.REGION_CLAIM], here.name);
  }
  return access;
}

async function signsIn(endpoint) {
  const name = names.plain.next().value;
  for (const flow of FLOWS) {
    const who = user(endpoint, name);
    await refused(signIn(who, `${password}!`, flow), "NotAuthorizedException", `${flow} with a wrong password`);
    const { session, challenge } = await signIn(who, password, flow);
    assert.equal(challenge, undefined);
    const before = checkSession(session, name);
    const data = await userData(who);
    assert.equal(data.Username, name);
    assert.equal(data.UserAttributes.find(({ Name }) => Name === "sub").Value, before.sub);
    const renewed = await renew(who, session.getRefreshToken());
    const after = checkSession(renewed, name);
    assert.notEqual(after.jti, before.jti);
    assert.equal(after.origin_jti, before.origin_jti);
    assert.equal(renewed.getRefreshToken().getToken(), session.getRefreshToken().getToken());
  }
  await refused(signIn(user(endpoint, "nobody"), password, BY_PASSWORD), "UserNotFoundException", "a user whom nobody knows");
}

async function secondFactor(endpoint, flow) {
  const name = names.totp.next().value;
  const who = user(endpoint, name);
  if (here.replica) {
    const what = "a user of a software token at the replica";
    return refused(signIn(who, password, flow), "OperationNotEnabledException", what);
  }
  const { challenge } = await signIn(who, password, flow);
  assert.equal(challenge, "totpRequired");
  const answer = (digits) => step((callbacks) => who.sendMFACode(digits, callbacks, "SOFTWARE_TOKEN_MFA"));
  await refused(answer(wrong(code(totpSecret))), "CodeMismatchException", "a wrong code");
  const { session } = await answer(code(totpSecret));
  checkSession(session, name);
  assert.equal((await userData(who)).PreferredMfaSetting, "SOFTWARE_TOKEN_MFA");
}

async function newPassword(endpoint, flow) {
  const name = names.fresh.next().value;
  const who = user(endpoint, name);
  const { challenge, parameters } = await signIn(who, password, flow);
  assert.equal(challenge, "newPasswordRequired");
  const [attributes, needed] = parameters;
  assert.equal(attributes.email, `${name}@example.com`);
  assert.deepEqual(needed, []);
  const choose = (word) => step((callbacks) => who.completeNewPasswordChallenge(word, {}, callbacks));
  const chosen = `Chosen-1${Math.random().toString(36)}`;
  if (here.replica) return refused(choose(chosen), "OperationNotEnabledException", "a new password at the replica");
  await refused(choose("short"), "InvalidPasswordException", "a new password that is none");
  const { session } = await choose(chosen);
  checkSession(session, name);
  const again = (word) => signIn(user(endpoint, name), word, BY_PASSWORD);
  await refused(again(password), "NotAuthorizedException", "the temporary password");
  checkSession((await again(chosen)).session, name);
}

/** The primary gives a secret to a user who has none; from then on sign-in asks for a code. */
async function registersToken(endpoint) {
  const name = names.out.next().value;
  const who = user(endpoint, name);
  await signIn(who, password, BY_PASSWORD);
  const given = new Promise((resolve, reject) =>
    who.associateSoftwareToken({ associateSecretCode: resolve, onFailure: reject }),
  );
  if (here.replica) return refused(given, "OperationNotEnabledException", "a new software token at the replica");
  const secret = await given;
  const verify = (digits) => step((callbacks) => who.verifySoftwareToken(digits, "phone", callbacks));
  await refused(verify(wrong(code(secret))), "EnableSoftwareTokenMFAException", "a wrong code of a new token");
  await verify(code(secret));
  const preferred = { Enabled: true, PreferredMfa: true };
  await asked((done) => who.setUserMfaPreference(null, preferred, done));
  assert.equal((await signIn(user(endpoint, name), password, BY_PASSWORD)).challenge, "totpRequired");
}

/** What users change by themselves: at the primary they do, at the replica they are refused. */
async function changes(endpoint) {
  const name = names.plain.next().value;
  const who = user(endpoint, name);
  await signIn(who, password, BY_PASSWORD);
  const chosen = `Chosen-1${Math.random().toString(36)}`;
  const attribute = (Name, Value) => new CognitoUserAttribute({ Name, Value });
  const callbacks = (done) => ({ onSuccess: (data) => done(null, data), onFailure: done });
  const steps = {
    attributes: (done) => who.updateAttributes([attribute("custom:tenant", "private-banking")], done),
    password: (done) => who.changePassword(password, chosen, done),
    reset: (done) => who.forgotPassword({ ...callbacks(done), inputVerificationCode: (data) => done(null, data) }),
    signUp: (done) => who.pool.signUp(`${name}-by-js`, chosen, [attribute("email", "js@example.com")], null, done),
    resend: (done) => user(endpoint, `${name}-by-js`).resendConfirmationCode(done),
  };
  const answers = {};
  for (const [what, begin] of Object.entries(steps)) {
    if (here.replica) await refused(asked(begin), "OperationNotEnabledException", `${what} at the replica`);
    else answers[what] = await asked(begin);
  }
  const attributes = await asked((done) => who.getUserAttributes(done));
  const tenant = attributes.find(({ Name }) => Name === "custom:tenant").Value;
  assert.equal(tenant, here.replica ? "retail" : "private-banking");
  if (here.replica) return;
  assert.equal(answers.reset.CodeDeliveryDetails.DeliveryMedium, "EMAIL");
  assert.equal(answers.signUp.userConfirmed, false);
  const unconfirmed = signIn(user(endpoint, `${name}-by-js`), chosen, BY_PASSWORD);
  await refused(unconfirmed, "UserNotConfirmedException", "a user who is not confirmed");
  await refused(signIn(user(endpoint, name), password, BY_PASSWORD), "NotAuthorizedException", "the previous password");
  checkSession((await signIn(user(endpoint, name), chosen, BY_PASSWORD)).session, name);
}

async function signsOut(endpoint) {
  const name = names.out.next().value;
  const who = user(endpoint, name);
  const { session } = await signIn(who, password, BY_PASSWORD);
  assert.equal((await step((callbacks) => who.globalSignOut(callbacks))).session, "SUCCESS");
  who.setSignInUserSession(session);
  await refused(userData(who), "NotAuthorizedException", "the access token of a user who has signed out");
  // The package itself asks again for 6 s before it gives up.
  const input = { ClientId: env.CLIENT_ID, AuthFlow: "REFRESH_TOKEN_AUTH" };
  const parameters = { AuthParameters: { REFRESH_TOKEN: session.getRefreshToken().getToken() } };
  const { status, body } = await here.call("InitiateAuth", { ...input, ...parameters });
  assert.equal(status, 400);
  assert.equal(body.__type, "NotAuthorizedException");
  // RevokeToken, which ends this session only.
  const again = (await signIn(who, password, BY_PASSWORD)).session;
  await asked((done) => who.signOut(done));
  who.setSignInUserSession(again);
  await refused(userData(who), "NotAuthorizedException", "a revoked session");
  checkSession((await signIn(who, password, BY_PASSWORD)).session, name);
}

/** A session of the one Region goes on in the other. */
async function crosses(from, to) {
  here = from;
  const name = names.plain.next().value;
  const { session } = await signIn(user(from.urls[1], name), password, BY_PASSWORD);
  here = to;
  const token = new CognitoRefreshToken({ RefreshToken: session.getRefreshToken().getToken() });
  // Without the package until the token is replicated, since it waits ever longer between its tries.
  const input = { ClientId: env.CLIENT_ID, AuthFlow: "REFRESH_TOKEN_AUTH" };
  const ask = () => to.call("InitiateAuth", { ...input, AuthParameters: { REFRESH_TOKEN: token.getToken() } });
  await within(30, "the refresh token", async () => ((await ask()).status === 200 ? true : undefined));
  const renewed = await renew(user(to.urls[1], name), token);
  const [before, after] = [session, renewed].map((those) => those.getAccessToken().decodePayload());
  checkSession(renewed, name);
  assert.equal(after.origin_jti, before.origin_jti);
  assert.equal(before[env.REGION_CLAIM], from.name);
}

for (const region of regions) {
  here = region;
  for (const [number, endpoint] of region.urls.entries()) {
    await signsIn(endpoint);
    await secondFactor(endpoint, FLOWS[number]);
    await newPassword(endpoint, FLOWS[number]);
    console.log(region.name, endpoint, "passed");
  }
  // These do not depend on the way to the API.
  await changes(region.urls[1]);
  await registersToken(region.urls[1]);
  await signsOut(region.urls[1]);
}
const [primary, replica] = regions;
await crosses(primary, replica);
await crosses(replica, primary);
console.log("sessions across Regions passed");
