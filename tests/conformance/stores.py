"""boto3 reads what the triggers' functions are and what they depend on: Lambda, DynamoDB, Secrets Manager, RDS and IAM."""

import json

from lab import env, pool_id, primary, refused, replica

PRE_TOKEN, AUDIT = "gameday-pre-token", "gameday-sign-in-audit"
ACCOUNT = "111122223333"

secrets = {}
for here, there in ((primary, replica), (replica, primary)):
    functions = here.client("lambda")
    configuration = functions.get_function_configuration(FunctionName=PRE_TOKEN)
    arn = f"arn:aws:lambda:{here.name}:{ACCOUNT}:function:{PRE_TOKEN}"
    assert configuration["FunctionArn"] == arn, configuration
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert configuration["Environment"]["Variables"]["TABLE_NAME"] == "gameday-claims"
    assert [layer["Arn"].split(":")[3] for layer in configuration["Layers"]] == [here.name]
    audit = functions.get_function(FunctionName=AUDIT)["Configuration"]
    assert len(audit["VpcConfig"]["SubnetIds"]) == 2 and configuration["VpcConfig"]["VpcId"] == ""
    policy = json.loads(functions.get_policy(FunctionName=arn)["Policy"])["Statement"][0]
    source = f"arn:aws:cognito-idp:{here.name}:{ACCOUNT}:userpool/{pool_id}"
    assert policy["Condition"]["ArnLike"]["AWS:SourceArn"] == source, policy
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=arn)
    limit = functions.get_account_settings()["AccountLimit"]
    assert limit["ConcurrentExecutions"] == limit["UnreservedConcurrentExecutions"] == 1000
    with refused("ResourceNotFoundException", "a function of the other Region"):
        functions.get_policy(FunctionName=arn.replace(here.name, there.name))

    assert functions.invoke(FunctionName=PRE_TOKEN, InvocationType="DryRun")["StatusCode"] == 204
    event = {"version": "3", "request": {"userAttributes": {"custom:tenant": "lab"}}, "response": {}}
    answer = functions.invoke(FunctionName=PRE_TOKEN, Payload=json.dumps(event))
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (200, "$LATEST", False)
    details = json.load(answer["Payload"])["response"]["claimsAndScopeOverrideDetails"]
    claims = details["accessTokenGeneration"]["claimsToAddOrOverride"]
    assert (claims["tenant"], claims[env["REGION_CLAIM"]]) == ("lab", here.name), claims
    functions.put_function_concurrency(FunctionName=PRE_TOKEN, ReservedConcurrentExecutions=0)
    with refused("TooManyRequestsException", "a function without concurrency"):
        functions.invoke(FunctionName=PRE_TOKEN)
    functions.delete_function_concurrency(FunctionName=PRE_TOKEN)

    tables = here.client("dynamodb")
    table = tables.describe_table(TableName="gameday-claims")["Table"]
    replicas = [(it["RegionName"], it["ReplicaStatus"]) for it in table["Replicas"]]
    assert (table["TableStatus"], replicas) == ("ACTIVE", [(there.name, "ACTIVE")]), table
    item = tables.get_item(TableName=table["TableArn"], Key={"claim": {"S": "tenant"}})["Item"]
    assert item["otherwise"] == {"S": "retail"}, item
    assert "Item" not in tables.get_item(TableName="gameday-claims", Key={"claim": {"S": "none"}})
    with refused("ResourceNotFoundException", "a table that is not there"):
        tables.describe_table(TableName="none")
    with refused("ValidationException", "a key that is none"):
        tables.get_item(TableName="gameday-claims", Key={"other": {"S": "tenant"}})

    vault = here.client("secretsmanager")
    secret = vault.describe_secret(SecretId="gameday-audit")
    assert (secret["PrimaryRegion"], secret["ARN"].split(":")[3]) == (primary.name, here.name), secret
    assert [(it["Region"], it["Status"]) for it in secret["ReplicationStatus"]] == [(replica.name, "InSync")], secret
    secrets[here.name] = vault.get_secret_value(SecretId=secret["ARN"])["SecretString"]
    with refused("ResourceNotFoundException", "a secret that is not there"):
        vault.describe_secret(SecretId="none")

    databases = here.client("rds")
    cluster = databases.describe_global_clusters()["GlobalClusters"][0]
    members = {it["DBClusterArn"].split(":")[3]: it for it in cluster["GlobalClusterMembers"]}
    assert {name: it["IsWriter"] for name, it in members.items()} == {primary.name: True, replica.name: False}
    assert members[primary.name]["Readers"] == [members[replica.name]["DBClusterArn"]]
    assert members[replica.name]["SynchronizationStatus"] == "connected", members
    (proxy,) = databases.describe_db_proxies(DBProxyName="gameday-audit")["DBProxies"]
    assert (proxy["Status"], proxy["Endpoint"]) == ("available", audit["Environment"]["Variables"]["DATABASE_HOST"])
    with refused("DBProxyNotFoundFault", "a proxy that is not there"):
        databases.describe_db_proxies(DBProxyName="none")
    with refused("GlobalClusterNotFoundFault", "a global cluster that is not there"):
        databases.describe_global_clusters(GlobalClusterIdentifier="none")

assert secrets[primary.name] == secrets[replica.name] and json.loads(secrets[primary.name])["username"] == "audit"

iam = primary.client("iam")
role = iam.get_role(RoleName=PRE_TOKEN)["Role"]
trust = role["AssumeRolePolicyDocument"]["Statement"][0]
assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, role
(attached,) = iam.list_attached_role_policies(RoleName=PRE_TOKEN)["AttachedPolicies"]
version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
document = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]
assert document["Statement"][0]["Resource"] == [f"arn:aws:dynamodb:*:{ACCOUNT}:table/gameday-claims"], document
assert iam.list_role_policies(RoleName=PRE_TOKEN)["PolicyNames"] == ["logs"]
inline = iam.get_role_policy(RoleName=PRE_TOKEN, PolicyName="logs")["PolicyDocument"]
assert inline["Statement"][0]["Action"] == ["logs:PutLogEvents"], inline
with refused("NoSuchEntity", "a role that is not there"):
    iam.get_role(RoleName="none")
with refused("NoSuchEntity", "a policy that is not there"):
    iam.get_policy(PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/none")
