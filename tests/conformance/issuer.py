"""boto3 is told at both Regions which form of the issuer the pool has, and the tokens name that issuer."""

import base64
import json

from lab import env, password, pool_id, primary, replica

name = env["USERNAME_OF_A_USER"]
form = {"updated": "issuer-cognito-idp", "original": "cognito-idp"}[env["ISSUER"]]
shared = f"https://{form}.{primary.name}.amazonaws.com/{pool_id}"
for place in (primary, replica):
    pool = place.client().describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["IssuerConfiguration"]["Type"] == env["ISSUER"].upper(), pool["IssuerConfiguration"]
    answer = place.client().initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=env["CLIENT_ID"],
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )["AuthenticationResult"]
    for kind in ("AccessToken", "IdToken"):
        claims = answer[kind].split(".")[1]
        issuer = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["iss"]
        assert issuer == shared, f"{place.name}: {kind} of {issuer}"
print("passed")
