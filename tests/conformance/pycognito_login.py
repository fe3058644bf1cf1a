"""pycognito signs users in to both Regions of the lab in every way that it knows: at the Region's API endpoint and through its
front door over TLS, with an app client that has a secret and one that has none. pycognito itself verifies every token. What must
be refused is refused."""

import secrets

import pycognito
from lab import NOT_HERE, code, env, password, pool_id, primary, refused, region, replica, replicated, users, wrong
from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import ForceChangePasswordException, SoftwareTokenMFAChallengeException

totp_secret = env["TOTP_SECRET_OF_TOTP"]
names = {"plain": users(), "totp": users("TOTP"), "new": users("NEW_PASSWORD"), "out": users("SIGN_OUT")}
clients = {
    "public": (env["CLIENT_ID_OF_PUBLIC"], None),
    "confidential": (env["CLIENT_ID_OF_CONFIDENTIAL"], env["CLIENT_SECRET_OF_CONFIDENTIAL"]),
}


def cognito(place, url, client, name, **tokens):
    """pycognito for a user. It knows the issuer ORIGINAL of the Region that it is given: that of the primary, also at the replica."""
    client_id, secret = clients[client]
    made = pycognito.Cognito(
        pool_id, client_id, user_pool_region=primary.name, username=name, client_secret=secret, **tokens
    )
    made.client = place.client(url=url)
    made.pool_jwk = keys
    return made


def other(client):
    return "public" if client == "confidential" else "confidential"


def signs_in(place, url, client):
    name = next(names["plain"])
    user = cognito(place, url, client, name)
    with refused("NotAuthorizedException", "SRP with a wrong password"):
        user.authenticate(password + "!")
    user.authenticate(password)
    assert user.access_claims["username"] == user.id_claims["cognito:username"] == name
    assert user.access_claims[env["REGION_CLAIM"]] == place.name, user.access_claims
    assert user.get_user().sub == user.access_claims["sub"]
    by_password(user)
    user.admin_authenticate(password)
    renews(user)
    return user


def by_password(user):
    """USER_PASSWORD_AUTH, for which pycognito has no call of its own."""

    def initiate(word, **changed):
        parameters = {"USERNAME": user.username, "PASSWORD": word}
        user._add_secret_hash(parameters, "SECRET_HASH")
        parameters.update(changed)
        parameters = {key: value for key, value in parameters.items() if value is not None}
        return user.client.initiate_auth(
            ClientId=user.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
        )

    user._set_tokens(initiate(password))
    with refused("NotAuthorizedException", "a wrong password"):
        initiate(password + "!")
    if user.client_secret:
        wrong_hash = AWSSRP.get_secret_hash(user.username, user.client_id, "not-the-secret")
        for what, value in (("a wrong secret hash", wrong_hash), ("no secret hash", None)):
            with refused("NotAuthorizedException", what):
                initiate(password, SECRET_HASH=value)
    else:
        with refused("NotAuthorizedException", "a secret hash for a client without secret"):
            initiate(password, SECRET_HASH="c2VjcmV0")


def renews(user):
    before = (user.access_claims["jti"], user.refresh_token)
    user.renew_access_token()
    assert user.access_claims["jti"] != before[0] and user.refresh_token == before[1]
    assert user.access_claims["origin_jti"] == user.id_claims["origin_jti"]
    good, user.refresh_token = user.refresh_token, user.refresh_token + "x"
    with refused("NotAuthorizedException", "a wrong refresh token"):
        user.renew_access_token()
    user.refresh_token = good
    if user.client_secret:
        secret, user.client_secret = user.client_secret, "not-the-secret"
        with refused("NotAuthorizedException", "a refresh with a wrong secret"):
            user.renew_access_token()
        user.client_secret = secret


def renews_elsewhere(user, place, client):
    """A session of the one Region is renewed in the other one, by the app client that it belongs to and by no other."""
    there = replica if place is primary else primary
    moved = cognito(there, there.api, client, user.username, refresh_token=user.refresh_token)
    replicated("the refresh token", lambda: moved.renew_access_token() or True)
    assert moved.access_claims[env["REGION_CLAIM"]] == there.name
    assert moved.access_claims["origin_jti"] == user.access_claims["origin_jti"]
    stranger = cognito(there, there.api, other(client), user.username, refresh_token=user.refresh_token)
    with refused("NotAuthorizedException", "another app client's refresh token"):
        stranger.renew_access_token()


def second_factor(place, url, client):
    user = cognito(place, url, client, next(names["totp"]))
    if place.replica:
        with refused(NOT_HERE, "a user of a software token at the replica"):
            user.authenticate(password)
        return
    try:
        user.authenticate(password)
    except SoftwareTokenMFAChallengeException:
        pass
    else:
        raise AssertionError("no code was asked for")
    # Each session is of one sign-in; a mistyped code may be corrected.
    answer = user.respond_to_software_token_mfa_challenge
    with refused("NotAuthorizedException", "another session"):
        answer(code(totp_secret), {"Session": user.mfa_tokens["Session"][::-1]})
    with refused("CodeMismatchException", "a wrong code"):
        answer(wrong(code(totp_secret)))
    used = code(totp_secret)
    answer(used)
    assert user.access_claims["username"] == user.username
    with refused("NotAuthorizedException", "a session whose sign-in has ended"):
        answer(used)
    try:
        user.authenticate(password)
    except SoftwareTokenMFAChallengeException:
        with refused("ExpiredCodeException", "a code that was used"):
            answer(used)


def new_password(place, url, client):
    user = cognito(place, url, client, next(names["new"]))
    try:
        user.authenticate(password)
    except ForceChangePasswordException:
        pass
    else:
        raise AssertionError("no new password was asked for")
    chosen = "Chosen-1" + secrets.token_urlsafe(12)
    if place.replica:
        with refused(NOT_HERE, "a new password at the replica"):
            user.new_password_challenge(password, chosen)
        return
    with refused("InvalidPasswordException", "a new password that is none"):
        user.new_password_challenge(password, "short")
    user.new_password_challenge(password, chosen)
    assert user.access_claims["username"] == user.username
    user.authenticate(chosen)
    with refused("NotAuthorizedException", "the temporary password"):
        user.authenticate(password)


def signs_out(place, url, client):
    user = cognito(place, url, client, next(names["out"]))
    user.authenticate(password)
    access, refresh = user.access_token, user.refresh_token
    user.logout()
    user.access_token, user.refresh_token = access, refresh
    with refused("NotAuthorizedException", "the access token of a user who has signed out"):
        user.client.get_user(AccessToken=access)
    with refused("NotAuthorizedException", "the refresh token of a user who has signed out"):
        user.renew_access_token()
    user.authenticate(password)
    user.renew_access_token()


keys = primary.keys()
for place in (primary, replica):
    for number, url in enumerate(place.urls()):
        for client in clients:
            user = signs_in(place, url, client)
            second_factor(place, url, client)
            new_password(place, url, client)
            # Replication both ways and sign-out do not depend on the way to the API.
            if number:
                renews_elsewhere(user, place, client)
                signs_out(place, url, client)
            print(place.name, url, client, "passed")
    with refused("UserNotFoundException", "a user whom nobody knows"):
        cognito(place, place.api, "public", "nobody").authenticate(password)
