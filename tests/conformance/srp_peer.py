"""pycognito as a peer in SRP: a JSON object with a sign-in on each line of the input, pycognito's part of it on each line
of the output."""

import datetime
import json
import sys

from pycognito import aws_srp


class Clock(datetime.datetime):
    """The time of the sign-in, instead of now."""

    at = None

    @classmethod
    def utcnow(cls):
        return cls.at


aws_srp.datetime.datetime = Clock

for line in sys.stdin:
    case = json.loads(line)
    srp = aws_srp.AWSSRP(
        username=case["user"],
        password=case["password"],
        pool_id=case["pool"],
        client_id=case["client_id"],
        client_secret=case["client_secret"],
        # Never called: there is no server.
        client=object(),
    )
    srp.small_a_value = int.from_bytes(bytes(case["a"]), "big")
    srp.large_a_value = srp.calculate_a()
    Clock.at = datetime.datetime.fromtimestamp(case["at"], datetime.timezone.utc)
    asked = srp.get_auth_params()
    answered = srp.process_challenge(
        {
            "USERNAME": case["user"],
            "USER_ID_FOR_SRP": case["user"],
            "SALT": case["salt"],
            "SRP_B": case["b"],
            "SECRET_BLOCK": case["secret_block"],
        },
        asked,
    )
    print(json.dumps({"asked": asked, "answered": answered}), flush=True)
