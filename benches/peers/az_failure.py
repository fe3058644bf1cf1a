"""Fails and recovers the subnets of a VPC with aws-az-failure-chaostoolkit, and tells how long each took.

    az_failure.py ZONE VPC STATE_FILE

Prints the seconds that failing took, waits for a line on standard input, prints those of recovering. Imports, and the
first client of boto3's session, are not counted. The endpoint is in AWS_ENDPOINT_URL.
"""

import logging
import sys
import time

import logzero

from azchaosaws import client
from azchaosaws.ec2.actions import fail_az, recover_az

# Its log of each subnet to a terminal would be counted, too.
logzero.loglevel(logging.ERROR)


def timed(action, **arguments):
    began = time.perf_counter()
    action(**arguments)
    print(f"{time.perf_counter() - began:.6f}", flush=True)


def main():
    zone, vpc, state = sys.argv[1:]
    client("ec2")
    # A tag filter is added unless there is one.
    filters = [
        {"Name": "availability-zone", "Values": [zone]},
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "tag:AZ_FAILURE", "Values": ["True"]},
    ]
    timed(fail_az, az=zone, dry_run=False, filters=filters, state_path=state)
    sys.stdin.readline()
    timed(recover_az, state_path=state)


main()
