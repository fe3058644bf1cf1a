"""pycognito as a peer of `make bench-users`. The first line of the input says where the lab is and who signs in; each line
after it is an order: `math SECONDS` computes what a client computes, `login SECONDS` signs in. The answer to each is how many
sign-ins that were."""

import json
import sys
import time

import boto3
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

setting = json.loads(sys.stdin.readline())
client = boto3.client(
    "cognito-idp",
    region_name=setting["region"],
    endpoint_url=setting["endpoint"],
    config=Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20, proxies={}),
)


def session():
    return AWSSRP(
        username=setting["user"],
        password=setting["password"],
        pool_id=setting["pool"],
        client_id=setting["client"],
        client=client,
    )


def math():
    srp = session()
    return srp.process_challenge(setting["challenge"], srp.get_auth_params())["PASSWORD_CLAIM_SIGNATURE"]


def login():
    return session().authenticate_user()["AuthenticationResult"]["AccessToken"]


work = {"math": math, "login": login}
# Imports and the first of everything are done before the first order.
login()
math()
print("ready", flush=True)
for line in sys.stdin:
    what, seconds = line.split()
    until, done = time.monotonic() + float(seconds), 0
    while time.monotonic() < until:
        assert work[what]()
        done += 1
    print(done, flush=True)
