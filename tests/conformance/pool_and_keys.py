"""boto3, with AWS's own models of Cognito and KMS, reads what checks read of the pool and of its keys in both Regions of the lab."""

import json

from lab import env, pool_id, primary, refused, replica

ACCOUNT = "111122223333"
places = (primary, replica)
cognito = {place: place.client() for place in places}
kms = {place: place.client("kms") for place in places}


def described(place):
    return cognito[place].describe_user_pool(UserPoolId=pool_id)["UserPool"]


def pools_and_replicas(place):
    pool = described(place)
    assert pool["Arn"] == f"arn:aws:cognito-idp:{place.name}:{ACCOUNT}:userpool/{pool_id}", pool["Arn"]
    assert (pool["UserPoolTier"], pool["DeletionProtection"]) == ("ESSENTIALS", "ACTIVE"), pool
    schema = {attribute["Name"]: attribute for attribute in pool["SchemaAttributes"]}
    assert schema["custom:branch"]["NumberAttributeConstraints"] == {"MinValue": "1", "MaxValue": "9999"}, schema
    assert schema["sub"]["Required"] and not schema["sub"]["Mutable"] and schema["email"]["Mutable"], schema
    listed = cognito[place].list_user_pool_replicas(UserPoolId=pool_id)["UserPoolReplicas"]
    told = {(one["RegionName"], one["Status"], one["Role"]) for one in listed}
    assert told == {(primary.name, "ACTIVE", "PRIMARY"), (replica.name, "ACTIVE", "SECONDARY")}, told
    with refused("ResourceNotFoundException", "another pool"):
        cognito[place].describe_user_pool(UserPoolId=f"{place.name}_Other0001")


def domains(place):
    domain = cognito[place].describe_user_pool_domain(Domain=described(place)["CustomDomain"])["DomainDescription"]
    failover = {"SecondaryRegion": replica.name, "PrimaryRoute53HealthCheckId": env["HEALTH_CHECK_ID"]}
    assert (domain["UserPoolId"], domain["Routing"]) == (pool_id, {"Failover": failover}), domain
    # Of one that is not there nothing is told, and no error.
    assert not cognito[place].describe_user_pool_domain(Domain="other.gameday.test")["DomainDescription"]


def groups_and_clients(place):
    groups = cognito[place].list_groups(UserPoolId=pool_id)["Groups"]
    staff = next(group for group in groups if group["GroupName"] == "staff")
    assert staff["Precedence"] == 5 and staff["RoleArn"].startswith(f"arn:aws:iam::{ACCOUNT}:role/"), staff
    client = cognito[place].describe_user_pool_client(UserPoolId=pool_id, ClientId=env["CLIENT_ID_OF_CONFIDENTIAL"])
    client = client["UserPoolClient"]
    assert client["ClientSecret"] == env["CLIENT_SECRET_OF_CONFIDENTIAL"], "the secret is another one"
    units = {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
    assert (client["AccessTokenValidity"], client["TokenValidityUnits"]) == (60, units), client["TokenValidityUnits"]


def keys(place):
    arn = described(place)["KeyConfiguration"]["KmsKeyArn"]
    key = kms[place].describe_key(KeyId=arn)["KeyMetadata"]
    assert (key["KeyManager"], key["KeyState"], key["Enabled"]) == ("CUSTOMER", "Enabled", True), key
    regions = key["MultiRegionConfiguration"]
    assert regions["MultiRegionKeyType"] == ("REPLICA" if place.replica else "PRIMARY"), regions
    assert regions["PrimaryKey"]["Region"] == primary.name, regions
    assert [one["Region"] for one in regions["ReplicaKeys"]] == [replica.name], regions
    policy = json.loads(kms[place].get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    sources = [one.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn") for one in policy["Statement"]]
    assert [described(place)["Arn"]] in sources, sources
    rotation = kms[place].get_key_rotation_status(KeyId=arn)
    assert rotation["KeyRotationEnabled"] and rotation["RotationPeriodInDays"] == 365, rotation
    aliases = kms[place].list_aliases(KeyId=arn)["Aliases"]
    assert [alias["TargetKeyId"] for alias in aliases] == [key["KeyId"]], aliases
    assert kms[place].describe_key(KeyId=aliases[0]["AliasName"])["KeyMetadata"]["Arn"] == arn
    elsewhere = arn.replace(place.name, "eu-west-1")
    with refused("NotFoundException", "a key of another Region"):
        kms[place].describe_key(KeyId=elsewhere)


for place in places:
    for look in (pools_and_replicas, domains, groups_and_clients, keys):
        look(place)
    print(place.name, "passed")
