"""boto3, with AWS's own model of the Cognito API, at both Regions of the lab: what users and administrators do at the primary, and
what the replica refuses. The replica's refusals change nothing, which the primary shows afterwards."""

import base64
import functools
import secrets
import time

from lab import NOT_HERE, code, env, password, pool_id, primary, refused, replica, replicated, users, wrong
from pycognito.aws_srp import AWSSRP

PUBLIC, CONFIDENTIAL, ROTATING = (env[f"CLIENT_ID_OF_{name}"] for name in ("PUBLIC", "CONFIDENTIAL", "ROTATING"))
SECRET = env["CLIENT_SECRET_OF_CONFIDENTIAL"]
DENIED, NO_PARAMETER = "NotAuthorizedException", "InvalidParameterException"
at_primary, at_replica = primary.client(), replica.client()
both = {primary: at_primary, replica: at_replica}
names = users()


def new_password():
    return f"Chosen-1{secrets.token_urlsafe(12)}"


def secret_hash(name):
    return AWSSRP.get_secret_hash(name, CONFIDENTIAL, SECRET)


def sign_in(api, name, word=password, client=PUBLIC):
    return api.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters={"USERNAME": name, "PASSWORD": word}
    )


def tokens(answer):
    return answer["AuthenticationResult"]


def attributes(user, key="UserAttributes"):
    return {attribute["Name"]: attribute["Value"] for attribute in user[key]}


def administrators_sign_in(place, api):
    """AdminInitiateAuth: signed by AWS credentials, with and without a client secret; by password, SRP's first step and refresh."""
    name = next(names)
    admin = functools.partial(api.admin_initiate_auth, UserPoolId=pool_id)
    given = {"USERNAME": name, "PASSWORD": password}
    for client, extra in ((PUBLIC, {}), (CONFIDENTIAL, {"SECRET_HASH": secret_hash(name)})):
        begin = functools.partial(admin, ClientId=client)
        for flow in ("ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"):
            signed_in = tokens(begin(AuthFlow=flow, AuthParameters={**given, **extra}))
        assert signed_in["ExpiresIn"] == 3600 and signed_in["TokenType"] == "Bearer", signed_in
        again = begin(AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": signed_in["RefreshToken"], **extra})
        assert tokens(again)["AccessToken"] != signed_in["AccessToken"] and "RefreshToken" not in tokens(again)
        with refused(DENIED, "an administrator's sign-in with a wrong password"):
            begin(AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={**given, **extra, "PASSWORD": password + "!"})
    with refused(NO_PARAMETER, "a flow of administrators without credentials"):
        api.initiate_auth(AuthFlow="ADMIN_USER_PASSWORD_AUTH", ClientId=PUBLIC, AuthParameters=given)
    with refused("UserNotFoundException", "nobody"):
        admin(ClientId=PUBLIC, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={**given, "USERNAME": "nobody"})
    with refused("ResourceNotFoundException", "an unknown app client"):
        admin(ClientId="unknown0client", AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=given)
    srp = AWSSRP(name, password, pool_id, PUBLIC, client=api)
    challenge = admin(ClientId=PUBLIC, AuthFlow="USER_SRP_AUTH", AuthParameters=srp.get_auth_params())
    answers = srp.process_challenge(challenge["ChallengeParameters"], srp.get_auth_params())
    finish = functools.partial(
        api.admin_respond_to_auth_challenge, UserPoolId=pool_id, ClientId=PUBLIC, ChallengeName="PASSWORD_VERIFIER"
    )
    assert tokens(finish(ChallengeResponses=answers))["RefreshToken"]
    with refused(DENIED, "the same answer once more"):
        finish(ChallengeResponses=answers)


def refresh_tokens_rotate(place, api):
    name = next(names)
    first = tokens(sign_in(api, name, client=ROTATING))
    with refused(NO_PARAMETER, "REFRESH_TOKEN_AUTH with rotation on"):
        api.initiate_auth(
            AuthFlow="REFRESH_TOKEN_AUTH", ClientId=ROTATING, AuthParameters={"REFRESH_TOKEN": first["RefreshToken"]}
        )
    renew = functools.partial(api.get_tokens_from_refresh_token, ClientId=ROTATING)
    second = tokens(renew(RefreshToken=first["RefreshToken"]))
    assert second["RefreshToken"] != first["RefreshToken"], "the refresh token was not rotated"
    assert second["AccessToken"] != first["AccessToken"]
    # The first one has 10 s of scenario time left.
    over = time.monotonic() + 11 / float(env["CLOCK_SPEED"])
    third = tokens(renew(RefreshToken=second["RefreshToken"]))

    def ends():
        time.sleep(max(0, over - time.monotonic()))
        with refused("RefreshTokenReuseException", "a refresh token that was rotated"):
            renew(RefreshToken=first["RefreshToken"])
        assert tokens(renew(RefreshToken=third["RefreshToken"]))["AccessToken"]

    for client, extra in ((PUBLIC, {}), (CONFIDENTIAL, {"ClientSecret": SECRET})):
        if client == PUBLIC:
            begun = tokens(sign_in(api, name))
        else:
            given = {"USERNAME": name, "PASSWORD": password, "SECRET_HASH": secret_hash(name)}
            begun = tokens(api.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=given))
        renew_plainly = functools.partial(api.get_tokens_from_refresh_token, ClientId=client, **extra)
        again = tokens(renew_plainly(RefreshToken=begun["RefreshToken"]))
        assert "RefreshToken" not in again, "rotation is off, and there is a new refresh token"
        with refused(DENIED, "another app client's refresh token"):
            renew_plainly(RefreshToken=third["RefreshToken"])
    with refused(DENIED, "a wrong client secret"):
        api.get_tokens_from_refresh_token(
            ClientId=CONFIDENTIAL, ClientSecret=SECRET[::-1], RefreshToken=begun["RefreshToken"]
        )
    with refused(DENIED, "no client secret"):
        api.get_tokens_from_refresh_token(ClientId=CONFIDENTIAL, RefreshToken=begun["RefreshToken"])
    return ends


def users_sign_up():
    """SignUp, confirmed by an administrator as the lab sends no mail; gives the user and the password."""
    name, word = "newcomer-1", new_password()
    given = {"Username": name, "Password": word, "UserAttributes": [{"Name": "email", "Value": f"{name}@example.com"}]}
    with refused(NOT_HERE, "sign-up at the replica"):
        at_replica.sign_up(ClientId=PUBLIC, **given)
    with refused("InvalidPasswordException", "a password that is none"):
        at_primary.sign_up(ClientId=PUBLIC, **{**given, "Password": "short"})
    with refused(DENIED, "sign-up without the secret hash"):
        at_primary.sign_up(ClientId=CONFIDENTIAL, **given)
    made = at_primary.sign_up(ClientId=CONFIDENTIAL, SecretHash=secret_hash(name), **given)
    assert made["UserConfirmed"] is False and made["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL", made
    with refused("UsernameExistsException", "the same name twice"):
        at_primary.sign_up(ClientId=PUBLIC, **given)
    with refused("UserNotConfirmedException", "a user who is not confirmed"):
        sign_in(at_primary, name, word)
    with refused("CodeMismatchException", "a wrong code of a sign-up"):
        at_primary.confirm_sign_up(ClientId=PUBLIC, Username=name, ConfirmationCode="no-code")
    for refuse in (
        lambda: at_replica.confirm_sign_up(ClientId=PUBLIC, Username=name, ConfirmationCode="000000"),
        lambda: at_replica.resend_confirmation_code(ClientId=PUBLIC, Username=name),
        lambda: at_replica.admin_confirm_sign_up(UserPoolId=pool_id, Username=name),
    ):
        with refused(NOT_HERE, "the confirmation of a sign-up at the replica"):
            refuse()
    at_primary.resend_confirmation_code(ClientId=PUBLIC, Username=name)
    at_primary.admin_confirm_sign_up(UserPoolId=pool_id, Username=name)
    with refused(DENIED, "a second confirmation"):
        at_primary.admin_confirm_sign_up(UserPoolId=pool_id, Username=name)
    assert tokens(sign_in(at_primary, name, word))
    user = at_primary.admin_get_user(UserPoolId=pool_id, Username=name)
    assert user["UserStatus"] == "CONFIRMED" and user["Enabled"] and attributes(user)["sub"] == made["UserSub"], user

    def there():
        seen = at_replica.admin_get_user(UserPoolId=pool_id, Username=name)
        return seen if seen["UserStatus"] == "CONFIRMED" else None

    assert attributes(replicated("the new user", there)) == attributes(user)
    assert tokens(sign_in(at_replica, name, word))
    return name, word


def users_register_tokens(name, word):
    access = tokens(sign_in(at_primary, name, word))["AccessToken"]
    elsewhere = tokens(sign_in(at_replica, name, word))["AccessToken"]
    settings = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    with refused(NO_PARAMETER, "a software token that was not verified"):
        at_primary.set_user_mfa_preference(AccessToken=access, **settings)
    secret = at_primary.associate_software_token(AccessToken=access)["SecretCode"]
    assert len(base64.b32decode(secret + "=" * (-len(secret) % 8))) >= 20, secret
    with refused("EnableSoftwareTokenMFAException", "a wrong code of a new token"):
        at_primary.verify_software_token(AccessToken=access, UserCode=wrong(code(secret)))
    for refuse in (
        lambda: at_replica.associate_software_token(AccessToken=elsewhere),
        lambda: at_replica.verify_software_token(AccessToken=elsewhere, UserCode=code(secret)),
        lambda: at_replica.set_user_mfa_preference(AccessToken=elsewhere, **settings),
    ):
        with refused(NOT_HERE, "a new software token at the replica"):
            refuse()
    verified = at_primary.verify_software_token(AccessToken=access, UserCode=code(secret), FriendlyDeviceName="phone")
    assert verified["Status"] == "SUCCESS"
    assert "ChallengeName" not in sign_in(at_primary, name, word), "a token that nobody has enabled"
    at_primary.set_user_mfa_preference(AccessToken=access, **settings)
    user = at_primary.get_user(AccessToken=access)
    assert (user["UserMFASettingList"], user["PreferredMfaSetting"]) == (["SOFTWARE_TOKEN_MFA"], "SOFTWARE_TOKEN_MFA")
    asked = sign_in(at_primary, name, word)
    assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA" and asked["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "phone"
    answer = functools.partial(
        at_primary.respond_to_auth_challenge,
        ClientId=PUBLIC,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=asked["Session"],
    )
    with refused("CodeMismatchException", "a wrong code"):
        answer(ChallengeResponses={"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": wrong(code(secret))})
    assert tokens(answer(ChallengeResponses={"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": code(secret)}))

    def there():
        user = at_replica.admin_get_user(UserPoolId=pool_id, Username=name)
        return True if user.get("PreferredMfaSetting") else None

    replicated("the software token", there)
    with refused(NOT_HERE, "a user of a software token at the replica"):
        sign_in(at_replica, name, word)
    off = {"SoftwareTokenMfaSettings": {"Enabled": False}}
    with refused(NOT_HERE, "an administrator's change at the replica"):
        at_replica.admin_set_user_mfa_preference(UserPoolId=pool_id, Username=name, **off)
    at_primary.admin_set_user_mfa_preference(UserPoolId=pool_id, Username=name, **off)
    assert tokens(sign_in(at_primary, name, word))


def users_change_passwords(name, word):
    access = tokens(sign_in(at_primary, name, word))["AccessToken"]
    elsewhere = tokens(sign_in(at_replica, next(names)))["AccessToken"]
    chosen = new_password()
    with refused(DENIED, "a wrong previous password"):
        at_primary.change_password(AccessToken=access, PreviousPassword=word + "!", ProposedPassword=chosen)
    with refused(NOT_HERE, "another password at the replica"):
        at_replica.change_password(AccessToken=elsewhere, PreviousPassword=password, ProposedPassword=chosen)
    at_primary.change_password(AccessToken=access, PreviousPassword=word, ProposedPassword=chosen)
    with refused(DENIED, "the previous password"):
        sign_in(at_primary, name, word)
    assert tokens(sign_in(at_primary, name, chosen))
    replicated("the new password", lambda: sign_in(at_replica, name, chosen))
    with refused(DENIED, "the previous password at the replica"):
        sign_in(at_replica, name, word)

    someone = next(names)
    for refuse in (
        lambda: at_replica.forgot_password(ClientId=PUBLIC, Username=someone),
        lambda: at_replica.confirm_forgot_password(
            ClientId=PUBLIC, Username=someone, ConfirmationCode="000000", Password=chosen
        ),
        lambda: at_replica.admin_reset_user_password(UserPoolId=pool_id, Username=someone),
        lambda: at_replica.admin_set_user_password(UserPoolId=pool_id, Username=someone, Password=chosen, Permanent=True),
    ):
        with refused(NOT_HERE, "a password reset at the replica"):
            refuse()
    assert tokens(sign_in(at_primary, someone)), "a refused reset has changed something"
    sent = at_primary.forgot_password(ClientId=CONFIDENTIAL, SecretHash=secret_hash(someone), Username=someone)
    assert sent["CodeDeliveryDetails"]["AttributeName"] == "email", sent
    with refused("CodeMismatchException", "a wrong code of a forgotten password"):
        at_primary.confirm_forgot_password(ClientId=PUBLIC, Username=someone, ConfirmationCode="no-code", Password=chosen)
    assert tokens(sign_in(at_primary, someone)), "whoever asks for a code keeps the password"
    at_primary.admin_reset_user_password(UserPoolId=pool_id, Username=someone)
    with refused("PasswordResetRequiredException", "a password that was reset"):
        sign_in(at_primary, someone)
    at_primary.admin_set_user_password(UserPoolId=pool_id, Username=someone, Password=chosen, Permanent=True)
    assert tokens(sign_in(at_primary, someone, chosen))
    # A temporary password asks for another one.
    at_primary.admin_set_user_password(UserPoolId=pool_id, Username=someone, Password=word, Permanent=False)
    asked = sign_in(at_primary, someone, word)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED", asked
    finished = at_primary.respond_to_auth_challenge(
        ClientId=PUBLIC,
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": someone, "NEW_PASSWORD": new_password()},
    )
    assert tokens(finished)


def users_are_in_groups():
    name = next(names)
    group, member = {"UserPoolId": pool_id, "GroupName": "auditors"}, {"UserPoolId": pool_id, "Username": name}
    with refused(NOT_HERE, "a new group at the replica"):
        at_replica.create_group(**group)
    made = at_primary.create_group(Description="look, and touch nothing", Precedence=7, **group)["Group"]
    assert (made["GroupName"], made["Precedence"]) == ("auditors", 7), made
    with refused("GroupExistsException", "the same group twice"):
        at_primary.create_group(**group)
    at_primary.admin_add_user_to_group(GroupName="auditors", **member)
    replicated("the group", lambda: at_replica.get_group(**group))
    replicated("the member", lambda: at_replica.list_users_in_group(**group)["Users"] or None)
    for refuse in (
        lambda: at_replica.admin_add_user_to_group(GroupName="auditors", **member),
        lambda: at_replica.admin_remove_user_from_group(GroupName="auditors", **member),
        lambda: at_replica.delete_group(**group),
    ):
        with refused(NOT_HERE, "a change of groups at the replica"):
            refuse()
    for api in both.values():
        listed = [one["GroupName"] for one in api.admin_list_groups_for_user(**member)["Groups"]]
        assert {"auditors", "customers"} <= set(listed), listed
        access = tokens(sign_in(api, name))["AccessToken"].split(".")[1]
        assert b'"auditors"' in base64.urlsafe_b64decode(access + "=" * (-len(access) % 4)), "the group is not in the token"
        pages = api.get_paginator("list_users_in_group").paginate(
            UserPoolId=pool_id, GroupName="customers", PaginationConfig={"PageSize": 9}
        )
        members = [user["Username"] for page in pages for user in page["Users"]]
        assert len(members) == len(set(members)) and set(env["USERS"].split()) <= set(members), members
    at_primary.admin_remove_user_from_group(GroupName="auditors", **member)
    at_primary.delete_group(**group)
    with refused("ResourceNotFoundException", "a group that was deleted"):
        at_primary.get_group(**group)


def sessions_end(place, api):
    """RevokeToken ends one session, GlobalSignOut all of a user's; in both Regions, after a while."""
    name = next(sign_outs)
    other = at_replica if api is at_primary else at_primary
    one, another = tokens(sign_in(api, name)), tokens(sign_in(api, name))

    def renew(at, session):
        return at.initiate_auth(
            AuthFlow="REFRESH_TOKEN_AUTH", ClientId=PUBLIC, AuthParameters={"REFRESH_TOKEN": session["RefreshToken"]}
        )

    for session in (one, another):
        replicated("the session", lambda: renew(other, session))
    with refused("UnsupportedTokenTypeException", "the revocation of an access token"):
        api.revoke_token(ClientId=PUBLIC, Token=one["AccessToken"])
    with refused("UnauthorizedException", "the revocation of another app client's token"):
        api.revoke_token(ClientId=ROTATING, Token=one["RefreshToken"])
    with refused("UnauthorizedException", "a revocation with a wrong secret"):
        api.revoke_token(ClientId=CONFIDENTIAL, ClientSecret=SECRET[::-1], Token=one["RefreshToken"])
    api.revoke_token(ClientId=PUBLIC, Token=one["RefreshToken"])
    api.revoke_token(ClientId=PUBLIC, Token="a token that nobody knows")
    ended(api, lambda: renew(api, one), lambda: api.get_user(AccessToken=one["AccessToken"]))
    assert renew(api, another) and api.get_user(AccessToken=another["AccessToken"])["Username"] == name
    ends_at(other, lambda: renew(other, one))
    assert renew(other, another)
    api.global_sign_out(AccessToken=another["AccessToken"])
    ended(api, lambda: renew(api, another), lambda: api.get_user(AccessToken=another["AccessToken"]))
    with refused(DENIED, "a second sign-out by the same token"):
        api.global_sign_out(AccessToken=another["AccessToken"])
    ends_at(other, lambda: renew(other, another))
    fresh = tokens(sign_in(api, name))
    assert renew(api, fresh)
    api.admin_user_global_sign_out(UserPoolId=pool_id, Username=name)
    ended(api, lambda: renew(api, fresh))


def ended(api, *uses):
    for use in uses:
        with refused(DENIED, f"a session that has ended, at {api.meta.region_name}"):
            use()


def ends_at(api, use):
    """Until the other Region has heard of it."""

    def once():
        try:
            use()
        except api.exceptions.NotAuthorizedException:
            return True
        return None

    replicated("the end of a session", once)


sign_outs = users("SIGN_OUT")
later = []
for place, api in both.items():
    administrators_sign_in(place, api)
    later.append(refresh_tokens_rotate(place, api))
    sessions_end(place, api)
    print(place.name, "passed")
name, word = users_sign_up()
users_register_tokens(name, word)
users_change_passwords(name, word)
users_are_in_groups()
for check in later:
    check()
print("users, tokens, passwords and groups passed")
