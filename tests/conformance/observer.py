"""Watches a failover with no code of GameDay's: DNS questions, TCP connections and sign-ins by password, each as often as it can, until standard
input is closed. Prints, as JSON, of each kind the looks: when it began and ended (seconds since the epoch) and what it saw.

    observer.py lab.toml
"""

import http.client
import json
import socket
import ssl
import struct
import sys
import threading
import time
import tomllib
from pathlib import Path

path = Path(sys.argv[1])
lab = tomllib.loads(path.read_text())
door, pool, users = lab["front_door"], lab["pool"], lab["users"]
host, port = door["name"], door["port"]
roles = {address: part for part in ("primary", "replica") for address in lab[part]["direct"]}
secret = users["password"]
password = tomllib.loads((path.parent / secret["file"]).read_text())[secret["key"]]
trust = ssl.create_default_context(cafile=str(path.parent / door["trust_root"]))
looks, over = {}, threading.Event()


def ask(server):
    """The part of the Region that one DNS server gives."""
    at, _, of = server.rpartition(":")
    name = b"".join(bytes([len(part)]) + part.encode() for part in lab["dns"]["record"].rstrip(".").split(".")) + b"\0"
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        udp.sendto(query, (at, int(of)))
        answer, _ = udp.recvfrom(4096)
    place, found = len(query), set()
    for _ in range(struct.unpack(">H", answer[6:8])[0]):
        while answer[place] and answer[place] < 0xC0:
            place += answer[place] + 1
        place += 2 if answer[place] >= 0xC0 else 1
        kind, _, _, length = struct.unpack(">HHIH", answer[place : place + 10])
        if kind == 1:
            found.add(roles.get(".".join(str(byte) for byte in answer[place + 10 : place + 14])))
        place += 10 + length
    return found.pop() if len(found) == 1 else None


def connects(address):
    try:
        socket.create_connection((address, port), timeout=0.9).close()
    except OSError:
        return False
    return True


def post(connection, target, body):
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService." + target, "Content-Type": "application/x-amz-json-1.1"}
    connection.request("POST", "/", json.dumps(body), headers)
    return json.loads(connection.getresponse().read())


def sign_in(resolver):
    """The part of the Region that let a user in who asked the resolver just now; nothing where none did."""
    part = ask(resolver)
    address = next(address for address, of in roles.items() if of == part)
    with socket.create_connection((address, port), timeout=2) as tcp, trust.wrap_socket(tcp, server_hostname=host) as tls:
        connection = http.client.HTTPSConnection(host, port)
        connection.sock = tls
        words = {"USERNAME": users["names"][-1], "PASSWORD": password}
        body = {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": pool["client_id"], "AuthParameters": words}
        token = post(connection, "InitiateAuth", body)["AuthenticationResult"]["AccessToken"]
        connection.request("GET", door["api_path"], headers={"Authorization": "Bearer " + token})
        return part if connection.getresponse().status == 200 else None


def watch(kind, look, period):
    seen = looks.setdefault(kind, [])
    while not over.is_set():
        began = time.time()
        try:
            saw = look()
        except (OSError, KeyError, StopIteration, http.client.HTTPException):
            saw = None
        seen.append((began, time.time(), saw))
        over.wait(max(0.0, began + period - time.time()))


resolver = lab["dns"]["resolvers"][0]
kinds = [(f"dns {server}", lambda server=server: ask(server), 0.1) for server in [*lab["dns"]["authoritative"], resolver]]
kinds += [(f"tcp {address}", lambda address=address: connects(address), 0.1) for address in lab["primary"]["direct"]]
# Two side by side, since one that fails takes seconds.
kinds += [(f"sign-in {number}", lambda: sign_in(resolver), 0.3) for number in range(4)]
threads = [threading.Thread(target=watch, args=kind) for kind in kinds]
for thread in threads:
    thread.start()
sys.stdin.read()
over.set()
for thread in threads:
    thread.join()
json.dump({"resolver": resolver, "authoritative": lab["dns"]["authoritative"], "looks": looks}, sys.stdout)
