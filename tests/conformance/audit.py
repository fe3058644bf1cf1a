"""boto3 reads what preflight reads of CloudWatch, CloudTrail, S3 and WAF in the lab."""

import datetime
import json

from lab import env, pool_id, primary, refused, replica

NOW = datetime.datetime.now(datetime.timezone.utc)
DIMENSIONS = [{"Name": "UserPool", "Value": pool_id}, {"Name": "UserPoolClient", "Value": env["CLIENT_ID_OF_PUBLIC"]}]


def sign_ins(place):
    cloudwatch = place.client("cloudwatch")
    listed = cloudwatch.get_paginator("list_metrics").paginate(MetricName="SignInSuccesses", Dimensions=DIMENSIONS[:1])
    metrics = [metric for page in listed for metric in page["Metrics"]]
    assert [sorted(metric["Dimensions"], key=lambda one: one["Name"]) for metric in metrics] == [DIMENSIONS], metrics
    query = {"Id": "m0", "MetricStat": {"Metric": metrics[0], "Period": 3600, "Stat": "Sum"}}
    # Scenario time runs ahead of the clock here, so the last values may be missing; a day in the middle is not.
    start = NOW - datetime.timedelta(days=3)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query], StartTime=start, EndTime=start + datetime.timedelta(days=1)
    )
    results = [result for page in pages for result in page["MetricDataResults"]]
    values = [value for result in results for value in result["Values"]]
    assert 24 <= len(values) <= 25 and all(isinstance(at, datetime.datetime) for at in results[0]["Timestamps"]), results
    return max(values)


at_primary, at_replica = sign_ins(primary), sign_ins(replica)
assert at_primary > 100 * at_replica > 0, (at_primary, at_replica)

cloudwatch = replica.client("cloudwatch")
alarms = {alarm["AlarmName"]: alarm for alarm in cloudwatch.describe_alarms()["MetricAlarms"]}
thresholds = sorted(alarm["Threshold"] for alarm in alarms.values() if alarm["MetricName"] == "IdentityPlaneRPO")
assert thresholds == [60, 120], alarms
assert all(alarm["ActionsEnabled"] and alarm["AlarmActions"] for alarm in alarms.values()), alarms
names = [entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]]
assert names == ["identity-plane"], names
body = json.loads(cloudwatch.get_dashboard(DashboardName=names[0])["DashboardBody"])
assert len(body["widgets"]) == 4, body
with refused("ResourceNotFound", "a dashboard that is not there"):
    cloudwatch.get_dashboard(DashboardName="another")

trails = {place: place.client("cloudtrail") for place in (primary, replica)}
(trail,) = trails[replica].describe_trails()["trailList"]
assert trail["HomeRegion"] == primary.name and trail["IsMultiRegionTrail"] and trail["LogFileValidationEnabled"], trail
assert trails[replica].describe_trails(includeShadowTrails=False)["trailList"] == []
for place in (primary, replica):
    assert trails[place].get_trail_status(Name=trail["TrailARN"])["IsLogging"]
    (selector,) = trails[place].get_event_selectors(TrailName=trail["TrailARN"])["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True), selector
with refused("TrailNotFoundException", "a shadow trail by its name"):
    trails[replica].get_trail_status(Name=trail["Name"])

buckets = primary.client("s3")
lock = buckets.get_object_lock_configuration(Bucket=trail["S3BucketName"])["ObjectLockConfiguration"]
assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 2557}, lock
with refused("NoSuchBucket", "a bucket that is not there"):
    buckets.get_object_lock_configuration(Bucket="another-bucket")

account = primary.client("sts").get_caller_identity()["Account"]
for place in (primary, replica):
    waf = place.client("wafv2")
    arn = f"arn:aws:cognito-idp:{place.name}:{account}:userpool/{pool_id}"
    acl = waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]
    assert [rule["Name"] for rule in acl["Rules"]][0] == "AWSManagedRulesCommonRuleSet", acl
    with refused("WAFNonexistentItemException", "a resource of another Region"):
        waf.get_web_acl_for_resource(ResourceArn=arn.replace(place.name, "eu-west-1"))
print("passed")
