"""What the Python scripts share: the Regions of the lab and their keys, clients of its Cognito API, and the codes of software
tokens."""

import base64
import contextlib
import datetime
import hmac
import os
import socket
import time
from dataclasses import dataclass

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

env = os.environ
pool_id = env["POOL_ID"]
front_door, port = env["FRONT_DOOR"], int(env["FRONT_DOOR_PORT"])
# What a replica answers to whatever it does not do.
NOT_HERE = "OperationNotEnabledException"

# The name of the front door leads to the Region that the test wants, whatever its record says.
leads_to = {}
system = socket.getaddrinfo


def getaddrinfo(host, *rest, **options):
    return system(leads_to.get(host, host), *rest, **options)


socket.getaddrinfo = getaddrinfo


@dataclass(frozen=True)
class Region:
    part: str
    name: str
    # Of the AWS APIs.
    api: str
    # Of a front door.
    address: str

    @property
    def replica(self):
        return self.part == "REPLICA"

    def urls(self):
        """Where its Cognito API is; what is connected to the front door leads to this Region from now on."""
        leads_to[front_door] = self.address
        return self.api, f"https://{front_door}:{port}"

    def client(self, service="cognito-idp", url=None, attempts=1):
        options = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=5,
            read_timeout=20,
            proxies={},
        )
        url = url or self.api
        return boto3.client(service, region_name=self.name, endpoint_url=url, verify=env["CA_FILE"], config=options)

    def keys(self):
        """The keys that its front door publishes."""
        leads_to[front_door] = self.address
        session = requests.Session()
        session.trust_env = False
        place = f"https://{front_door}:{port}/{pool_id}/.well-known/jwks.json"
        answer = session.get(place, verify=env["CA_FILE"], timeout=20)
        answer.raise_for_status()
        return answer.json()


def region(part):
    return Region(part, env[f"{part}_REGION"], env[f"{part}_API"], env[f"{part}_ADDRESSES"].split()[0])


primary, replica = region("PRIMARY"), region("REPLICA")
password = env["PASSWORD_OF_A_USER"]


def users(population=None):
    """The users of a population one after the other; whoever takes one leaves the others to the rest of the script."""
    return iter(env["USERS" if population is None else f"USERS_OF_{population}"].split())


def code(secret, at=None):
    """The code of a software token (RFC 6238), in scenario time."""
    # Python reads microseconds, the lab writes nanoseconds.
    whole, _, fraction = env["CLOCK_ANCHOR"].rstrip("Z").partition(".")
    anchor = datetime.datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
    now = anchor + (time.time() - anchor) * float(env["CLOCK_SPEED"])
    step = int((now if at is None else at) // 30)
    digest = hmac.digest(base64.b32decode(secret + "=" * (-len(secret) % 8)), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[offset:offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


# RFC 6238, appendix B, the last six digits of its eight.
assert code(base64.b32encode(b"12345678901234567890").decode(), 59) == "287082"


def wrong(right):
    """A code that is not that one."""
    return f"{(int(right) + 1) % 10**6:06}"


@contextlib.contextmanager
def refused(error, what):
    """What is done in here must be refused with that error."""
    try:
        yield
    except ClientError as answer:
        assert answer.response["Error"]["Code"] == error, f"{what}: {error} expected: {answer}"
    else:
        raise AssertionError(f"{what} was accepted; {error} expected")


def within(seconds, what, ask):
    """Asks again until there is an answer, as replication takes a while."""
    start = time.monotonic()
    while (answer := ask()) is None:
        assert time.monotonic() - start < seconds, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return answer


def replicated(what, ask):
    """The answer of the replica to a request that it refuses until it knows what the primary knows. The lab's longest lag is 8 s
    of scenario time."""

    def once():
        try:
            return ask()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NotAuthorizedException", "UserNotFoundException", "ResourceNotFoundException"):
                return None
            raise

    return within(30, what, once)
