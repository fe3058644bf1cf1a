"""boto3 reads what the checks of routing, quotas and tokens read: certificates, REST APIs and their authorizers, the record with its
health check, and request rates."""

import time

from lab import env, primary, refused, replica

ALL_KEYS = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]

for place in (primary, replica):
    acm = place.client("acm")
    pages = acm.get_paginator("list_certificates").paginate(Includes={"keyTypes": ALL_KEYS})
    listed = [one for page in pages for one in page["CertificateSummaryList"]]
    assert [one["DomainName"] for one in listed] == [env["FRONT_DOOR"]], listed
    assert acm.list_certificates()["CertificateSummaryList"] == [], "RSA alone without a filter"
    arn = listed[0]["CertificateArn"]
    assert arn.split(":")[3] == place.name
    detail = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert env["FRONT_DOOR"] in detail["SubjectAlternativeNames"] and detail["Status"] == "ISSUED", detail
    assert detail["NotAfter"].timestamp() > time.time() and detail["NotAfter"] == listed[0]["NotAfter"]
    with refused("ResourceNotFoundException", "a certificate that is not there"):
        acm.describe_certificate(CertificateArn=f"{arn}-none")

    gateway = place.client("apigateway")
    apis = [one for page in gateway.get_paginator("get_rest_apis").paginate() for one in page["items"]]
    assert [one["name"] for one in apis] == ["accounts"], apis
    pages = gateway.get_paginator("get_authorizers").paginate(restApiId=apis[0]["id"])
    authorizers = [one for page in pages for one in page["items"]]
    assert [one["type"] for one in authorizers] == ["TOKEN"], authorizers
    assert f":lambda:{place.name}:" in authorizers[0]["authorizerUri"], authorizers
    with refused("NotFoundException", "an API that is not there"):
        gateway.get_authorizers(restApiId="none")

    limits = place.client(attempts=10)
    definition = {"LimitClass": "API_CATEGORY", "Attributes": {"Category": "UserAuthentication"}}
    limit = limits.get_provisioned_limit(LimitDefinition=definition)["Limit"]
    assert limit["ProvisionedLimitValue"] == limit["FreeLimitValue"] == 120, limit

route53 = primary.client("route53")
check = route53.get_health_check(HealthCheckId=env["HEALTH_CHECK_ID"])["HealthCheck"]["HealthCheckConfig"]
assert (check["Type"], check["ResourcePath"], check["EnableSNI"]) == ("HTTPS", "/health", True), check
assert (check["Inverted"], check["Disabled"], check["RequestInterval"], check["FailureThreshold"]) == (False, False, 10, 3)
seen = route53.get_health_check_status(HealthCheckId=env["HEALTH_CHECK_ID"])["HealthCheckObservations"]
assert all(one["StatusReport"]["Status"].startswith("Success") for one in seen), seen
assert len({one["Region"] for one in seen}) >= 3, seen
sets = route53.list_resource_record_sets(HostedZoneId=env["HOSTED_ZONE_ID"])["ResourceRecordSets"]
pair = {one["Failover"]: one for one in sets if one["Name"] == env["FRONT_DOOR"] + "."}
assert pair["PRIMARY"]["HealthCheckId"] == env["HEALTH_CHECK_ID"] and "HealthCheckId" not in pair["SECONDARY"], pair
print("passed")
