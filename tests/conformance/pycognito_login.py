"""pycognito signs a user in by SRP at both Regions of the lab: at the Region's API endpoint and
through its front door over TLS; a wrong password is refused."""

import os
import socket

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pycognito import Cognito
from pycognito.aws_srp import AWSSRP

env = os.environ
user, password = env["USERNAME_OF_A_USER"], env["PASSWORD_OF_A_USER"]
front_door, port = env["FRONT_DOOR"], int(env["FRONT_DOOR_PORT"])

# The name of the front door leads to the Region that the test wants, whatever its record says.
leads_to = {}
system = socket.getaddrinfo


def getaddrinfo(host, *rest, **options):
    return system(leads_to.get(host, host), *rest, **options)


socket.getaddrinfo = getaddrinfo


def client(region, url):
    options = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20, proxies={})
    return boto3.client("cognito-idp", region_name=region, endpoint_url=url, verify=env["CA_FILE"], config=options)


def login(region, url, word):
    srp = AWSSRP(
        username=user,
        password=word,
        pool_id=env["POOL_ID"],
        client_id=env["CLIENT_ID"],
        client=client(region, url),
    )
    return srp.authenticate_user()["AuthenticationResult"]


for part in ("PRIMARY", "REPLICA"):
    region = env[f"{part}_REGION"]
    leads_to[front_door] = env[f"{part}_ADDRESSES"].split()[0]
    for url in (env[f"{part}_API"], f"https://{front_door}:{port}"):
        tokens = login(region, url, password)
        for kind in ("AccessToken", "IdToken", "RefreshToken"):
            assert tokens[kind], f"no {kind} from {url}"
        try:
            login(region, url, password + "!")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NotAuthorizedException", error
        else:
            raise AssertionError(f"{url} took a wrong password")
        print(region, url, "passed")
