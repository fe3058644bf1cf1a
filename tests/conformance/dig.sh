#!/usr/bin/env bash
# dig reads the failover record over UDP and TCP, and sees the flip and the way back when the AWS
# command line denies everything at the primary, and allows it again.
set -euo pipefail

fail() { echo "FAILED: $*" >&2; exit 1; }
sorted() { tr ' ' '\n' <<<"$1" | sort | tr '\n' ' '; }
ask() { # SERVER [OPTION…]
    local server=$1
    shift
    dig +time=2 +tries=1 "@${server%:*}" -p "${server##*:}" "$@" "$FRONT_DOOR" A
}
addresses() { ask "$1" +short "${@:2}" | sort | tr '\n' ' '; }

primary=$(sorted "$PRIMARY_ADDRESSES")
replica=$(sorted "$REPLICA_ADDRESSES")
# Of what a server has, an answer may give a part.
gives() { # ADDRESSES EXPECTED
    [ -n "$1" ] || return 1
    local address
    for address in $1; do
        case " $2 " in *" $address "*) ;; *) return 1 ;; esac
    done
}

for server in $AUTHORITATIVE $RESOLVER; do
    for transport in +notcp +tcp; do
        found=$(addresses "$server" $transport)
        gives "$found" "$primary" || fail "$server $transport gives '$found', not the primary's '$primary'"
    done
done
for server in $AUTHORITATIVE; do
    answer=$(ask "$server" +norecurse)
    grep -q 'status: NOERROR' <<<"$answer" || fail "$server: $answer"
    grep -Eq 'flags:[^;]* aa' <<<"$answer" || fail "$server does not answer with authority: $answer"
    grep -Eq "^$FRONT_DOOR\.[[:space:]]+60[[:space:]]+IN[[:space:]]+A" <<<"$answer" || fail "not a TTL of 60 s: $answer"
    server_address=${server%:*}
    nothing=$(dig +time=2 +tries=1 "@$server_address" -p "${server##*:}" nothing.gameday.test A)
    grep -q 'status: NXDOMAIN' <<<"$nothing" || fail "a name that does not exist: $nothing"
done
grep -Eq 'flags:[^;]* ra' <<<"$(ask "$RESOLVER")" || fail "the resolver does not offer recursion"

ec2() { "$AWS" --endpoint-url "$PRIMARY_API" --region "$PRIMARY_REGION" --output text ec2 "$@"; }
of_front_door="Name=association.subnet-id,Values=${PRIMARY_SUBNETS%% *}"
acl=$(ec2 describe-network-acls --filters "$of_front_door" --query 'NetworkAcls[0].NetworkAclId')
wait_for() { # WHAT EXPECTED
    local what=$1 expected=$2 server found
    for server in $AUTHORITATIVE $RESOLVER; do
        # Three failed checks and a TTL are 90 s, which is 9 s here; a slow machine takes longer.
        for _ in $(seq 300); do
            found=$(addresses "$server" || true)
            if gives "$found" "$expected"; then continue 2; fi
            sleep 0.2
        done
        fail "$what: $server still gives '$found', not '$expected'"
    done
}

for direction in --ingress --egress; do
    ec2 create-network-acl-entry --network-acl-id "$acl" --rule-number 1 --protocol=-1 --rule-action deny \
        --cidr-block 0.0.0.0/0 $direction
done
wait_for "after the cut" "$replica"
for direction in --ingress --egress; do
    ec2 delete-network-acl-entry --network-acl-id "$acl" --rule-number 1 $direction
done
wait_for "after the heal" "$primary"
echo passed
