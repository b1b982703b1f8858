"""What the scenarios know of access logs: they are events of a node's log, under a target of their own."""

import json

from conftest import eventually

DESTINATION = "arn:aws:logs:us-east-1:000000000000:log-group:accesses"


def accesses(node, wanted, destination=DESTINATION):
    """The lines of a node's access logs that hold a text; waits for the first."""

    def found():
        with open(f"{node.data}.log", encoding="utf-8") as log:
            events = [json.loads(line) for line in log if '"target":"access"' in line]
        return [event["message"] for event in events if wanted in event["message"] and event["destination"] == destination]

    return eventually(found, what=f"a line with {wanted} in the access log")
