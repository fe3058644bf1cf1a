#!/usr/bin/env bash
# The AWS command line reads the lab's networks, DNS and health check as it reads AWS's.
set -euo pipefail

fail() { echo "FAILED: $*" >&2; exit 1; }
equal() { [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"; }
primary() { "$AWS" --endpoint-url "$PRIMARY_API" --region "$PRIMARY_REGION" --output text "$@"; }
replica() { "$AWS" --endpoint-url "$REPLICA_API" --region "$REPLICA_REGION" --output text "$@"; }

equal "account" "$(primary sts get-caller-identity --query Account)" 111122223333

for region in primary replica; do
    named="Name=tag:Name,Values=gameday-lab"
    equal "VPCs in $region" "$($region ec2 describe-vpcs --filters "$named" --query 'length(Vpcs)')" 1
    vpc=$($region ec2 describe-vpcs --filters "$named" --query 'Vpcs[0].VpcId')
    of_vpc="Name=vpc-id,Values=$vpc"

    equal "subnets in $region" "$($region ec2 describe-subnets --filters "$of_vpc" --query 'length(Subnets)')" 2
    zones=$($region ec2 describe-subnets --query 'Subnets[].AvailabilityZone' | tr '\t' '\n' | sort -u | wc -l)
    equal "zones in $region" "$zones" 2

    equal "ACLs in $region" "$($region ec2 describe-network-acls --filters "$of_vpc" --query 'length(NetworkAcls)')" 1
    equal "default ACL in $region" "$($region ec2 describe-network-acls --filters "$of_vpc" --query 'NetworkAcls[0].IsDefault')" True
    equal "associations in $region" "$($region ec2 describe-network-acls --filters "$of_vpc" --query 'length(NetworkAcls[0].Associations)')" 2
    for egress in 'true' 'false'; do
        entries="NetworkAcls[0].Entries[?Egress==\`$egress\`] | sort_by(@, &RuleNumber)"
        rules=$($region ec2 describe-network-acls --filters "$of_vpc" --query "$entries | [].[RuleNumber,RuleAction,CidrBlock||Ipv6CidrBlock]" | tr '\t\n' '  ')
        equal "rules in $region, egress $egress" "$rules" "100 allow 0.0.0.0/0 101 allow ::/0 32767 deny 0.0.0.0/0 32768 deny ::/0 "
    done

    interfaces=$($region ec2 describe-network-interfaces --filters "$of_vpc" --query 'length(NetworkInterfaces)')
    [ "$interfaces" -ge 2 ] || fail "$interfaces network interfaces in $region"
    groups=$($region ec2 describe-security-groups --filters "$of_vpc" --query 'length(SecurityGroups)')
    [ "$groups" -ge 1 ] || fail "no security group in $region"

    group=$($region ec2 create-security-group --vpc-id "$vpc" --group-name empty --description 'of a test' --query GroupId)
    allowed=$($region ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 443 --cidr 10.0.0.0/8 \
        --query 'SecurityGroupRules[0].[CidrIpv4,FromPort]' | tr '\t' ' ')
    equal "rule in $region" "$allowed" "10.0.0.0/8 443"
    eni=$($region ec2 describe-network-interfaces --filters "$of_vpc" --query 'NetworkInterfaces[0].NetworkInterfaceId')
    before=$($region ec2 describe-network-interfaces --network-interface-ids "$eni" --query 'NetworkInterfaces[0].Groups[0].GroupId')
    $region ec2 modify-network-interface-attribute --network-interface-id "$eni" --groups "$group"
    equal "groups in $region" "$($region ec2 describe-network-interfaces --network-interface-ids "$eni" \
        --query 'NetworkInterfaces[0].Groups[].GroupName')" empty
    $region ec2 modify-network-interface-attribute --network-interface-id "$eni" --groups "$before"
    $region ec2 revoke-security-group-ingress --group-id "$group" --protocol tcp --port 443 --cidr 10.0.0.0/8 >&2
    $region ec2 delete-security-group --group-id "$group" >&2
done
clients=$(primary ec2 describe-tags --filters Name=key,Values=Name Name=value,Values=clients --query 'Tags[].ResourceType')
equal "tags of the clients' network" "$clients" vpc
for subnet in $PRIMARY_SUBNETS; do
    equal "subnet by ID" "$(primary ec2 describe-subnets --subnet-ids "$subnet" --query 'Subnets[0].SubnetId')" "$subnet"
done

zone=$(primary route53 list-hosted-zones --query 'HostedZones[0].[Id,Name]' | tr '\t' ' ')
equal "hosted zone" "$zone" "/hostedzone/$HOSTED_ZONE_ID gameday.test."
records="sort_by(ResourceRecordSets[?Name==\`$FRONT_DOOR.\`&&Type==\`A\`], &Failover)"
failover=$(primary route53 list-resource-record-sets --hosted-zone-id "$HOSTED_ZONE_ID" \
    --query "$records[].[Failover,TTL]" | tr '\t\n' '  ')
equal "failover records" "$failover" "PRIMARY 60 SECONDARY 60 "
equal "the primary record's health check" "$(primary route53 list-resource-record-sets \
    --hosted-zone-id "$HOSTED_ZONE_ID" --query "$records[0].HealthCheckId")" "$HEALTH_CHECK_ID"

check=$(primary route53 get-health-check --health-check-id "$HEALTH_CHECK_ID" \
    --query 'HealthCheck.HealthCheckConfig.[Type,RequestInterval,FailureThreshold]' | tr '\t' ' ')
equal "health check" "$check" "HTTPS 10 3"
observations=$(primary route53 get-health-check-status --health-check-id "$HEALTH_CHECK_ID" \
    --query 'length(HealthCheckObservations)')
equal "observations" "$observations" 16

target='{"Arn":"arn:aws:scheduler:::aws-sdk:lambda:deleteFunctionConcurrency","Input":"{\"FunctionName\":\"gameday-pre-token\"}",'
target+='"RoleArn":"arn:aws:iam::111122223333:role/gameday-dead-man"}'
primary scheduler create-schedule --name drill --schedule-expression 'at(2099-01-01T00:00:00)' \
    --flexible-time-window Mode=OFF --target "$target" >/dev/null
equal "schedule" "$(primary scheduler list-schedules --name-prefix drill --query 'Schedules[].Name')" drill
primary scheduler delete-schedule --name drill
equal "schedules of the replica" "$(replica scheduler list-schedules --query 'length(Schedules)')" 0

primary cloudwatch put-metric-alarm --alarm-name drill --evaluation-periods 1 --threshold 0.5 \
    --comparison-operator LessThanThreshold
primary cloudwatch set-alarm-state --alarm-name drill --state-value ALARM --state-reason drill
equal "alarm" "$(primary cloudwatch describe-alarms --alarm-names drill --query 'MetricAlarms[0].[StateValue,Threshold]')" "ALARM	0.5"
primary cloudwatch delete-alarms --alarm-names drill

equal "function" "$(replica lambda get-function-configuration --function-name gameday-pre-token --query FunctionArn)" \
    arn:aws:lambda:us-west-2:111122223333:function:gameday-pre-token
equal "reserved" "$(replica lambda put-function-concurrency --function-name gameday-pre-token \
    --reserved-concurrent-executions 7 --query ReservedConcurrentExecutions)" 7
replica lambda delete-function-concurrency --function-name gameday-pre-token

equal "update of the health check" "$(primary route53 update-health-check --health-check-id "$HEALTH_CHECK_ID" \
    --failure-threshold 3 --query HealthCheck.HealthCheckConfig.Inverted)" False

sign_ins='LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'
quota() { replica service-quotas get-service-quota --service-code cognito-idp --quota-code L-026ADBA3 --query Quota.Value; }
equal "service quota" "$(quota)" 1000.0
equal "increase" "$(replica service-quotas request-service-quota-increase --service-code cognito-idp --quota-code L-026ADBA3 \
    --desired-value 1200 --query RequestedQuota.Status)" APPROVED
equal "service quota" "$(quota)" 1200.0
equal "default" "$(replica service-quotas list-aws-default-service-quotas --service-code cognito-idp \
    --query "Quotas[?QuotaCode=='L-026ADBA3'].Value")" 120.0
equal "provisioned limit" "$(replica cognito-idp update-provisioned-limit --limit-definition "$sign_ins" \
    --requested-limit-value 1200 --query 'Limit.[ProvisionedLimitValue,FreeLimitValue]')" "1200	120"
equal "provisioned limit" "$(replica cognito-idp update-provisioned-limit --limit-definition "$sign_ins" \
    --requested-limit-value 120 --query Limit.ProvisionedLimitValue)" 120

refused() {
    local message
    if message=$(AWS_SECRET_ACCESS_KEY=not-the-secret "$@" 2>&1); then
        fail "a wrong secret was accepted by: $*"
    fi
    grep -Eq 'SignatureDoesNotMatch|AuthFailure|InvalidClientTokenId|InvalidSignatureException' <<<"$message" || fail "refused oddly: $message"
}
refused primary ec2 describe-vpcs
refused primary route53 list-hosted-zones
refused primary sts get-caller-identity
refused primary scheduler list-schedules
refused primary cloudwatch describe-alarms
refused primary lambda list-functions
refused primary service-quotas list-service-quotas --service-code cognito-idp
echo passed
