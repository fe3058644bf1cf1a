"""boto3 meets the request rates of the lab: each Region throttles sign-ins beyond its 120 a second, until a higher limit is
provisioned there, within what Service Quotas allows. The lab's time runs slowly, so that any client is fast enough for that."""

import time

from botocore.exceptions import ClientError
from lab import env, primary, refused, replica

SPEED = float(env["CLOCK_SPEED"])
RPS, MOST, RAISED = 120, 1000, 1500
THROTTLED = "TooManyRequestsException"
SIGN_INS = {"LimitClass": "API_CATEGORY", "Attributes": {"Category": "UserAuthentication"}}
QUOTA = {"ServiceCode": "cognito-idp", "QuotaCode": "L-026ADBA3"}
# botocore itself asks again where it is throttled; limits may be read and changed once a second.
limits = {place: place.client(attempts=10) for place in (primary, replica)}
quotas = {place: place.client("service-quotas") for place in (primary, replica)}


def flood(place, throttled_at_least, at_most):
    """Sign-ins that are refused for want of the client's secret: how many of them were answered so before the first one was
    throttled, how many in all, how many were throttled, and in how many seconds of scenario time."""
    api = place.client()
    first, answered, throttled, start = None, 0, 0, time.monotonic()
    while throttled < throttled_at_least and answered + throttled < at_most:
        try:
            api.initiate_auth(
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=env["CLIENT_ID_OF_CONFIDENTIAL"],
                AuthParameters={"USERNAME": env["USERNAME_OF_A_USER"], "PASSWORD": "-"},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == THROTTLED:
                assert isinstance(error, api.exceptions.TooManyRequestsException)
                first, throttled = answered if first is None else first, throttled + 1
            else:
                assert error.response["Error"]["Code"] == "NotAuthorizedException", error
                answered += 1
    return first, answered, throttled, (time.monotonic() - start) * SPEED


def is_throttled(place):
    first, answered, throttled, seconds = flood(place, 20, 1000)
    told = f"{place.name}: {answered} answered in {seconds:.1f} s, {first} of them before any of {throttled} was throttled"
    print(told)
    assert throttled >= 20 and first >= RPS, told
    # A burst of a second, and what that time allows.
    assert answered <= RPS * (1 + seconds) + 1, told


def is_not_throttled(place):
    first, answered, throttled, seconds = flood(place, 1, 300)
    assert (first, answered, throttled) == (None, 300, 0), f"{place.name}: {throttled} were throttled"
    assert answered > RPS * (1 + seconds) + 1, f"{seconds} s of scenario time: too slow for the limit to show"


def quota(place):
    return quotas[place].get_service_quota(**QUOTA)["Quota"]


def provision(place, rps):
    limit = limits[place].update_provisioned_limit(LimitDefinition=SIGN_INS, RequestedLimitValue=rps)["Limit"]
    assert limit["LimitDefinition"] == SIGN_INS, limit
    assert (limit["ProvisionedLimitValue"], limit["FreeLimitValue"]) == (rps, RPS), limit


limit = limits[primary].get_provisioned_limit(LimitDefinition=SIGN_INS)["Limit"]
assert (limit["ProvisionedLimitValue"], limit["FreeLimitValue"]) == (RPS, RPS), limit
with refused("ServiceQuotaExceededException", "more than the quota"):
    provision(replica, RAISED)
for place in (primary, replica):
    found = quota(place)
    assert (found["Value"], found["Adjustable"], found["GlobalQuota"]) == (MOST, True, False), found
    default = quotas[place].get_aws_default_service_quota(**QUOTA)["Quota"]
    assert default["Value"] == RPS, default
    pages = quotas[place].get_paginator("list_service_quotas").paginate(ServiceCode="cognito-idp")
    listed = {one["QuotaName"]: one["Value"] for page in pages for one in page["Quotas"]}
    assert listed["Rate of UserAuthentication requests"] == MOST and len(listed) > 10, listed

is_throttled(primary)
is_throttled(replica)
provision(primary, MOST)
is_not_throttled(primary)
is_throttled(replica)
asked = quotas[replica].request_service_quota_increase(DesiredValue=RAISED, **QUOTA)["RequestedQuota"]
assert asked["DesiredValue"] == RAISED and asked["QuotaCode"] == QUOTA["QuotaCode"], asked
assert (quota(replica)["Value"], quota(primary)["Value"]) == (RAISED, MOST)
provision(replica, RAISED)
is_not_throttled(replica)
print("passed")
