import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    headers = {name.lower(): value for name, value in event["headers"].items()}
    # Browsers say whose page it is that connects; no page can say otherwise.
    origin = headers.get("origin")
    if origin not in (None, os.environ["ORIGIN"]):
        return {"statusCode": 403, "body": "Not from there."}
    table.put_item(Item={"connectionId": event["requestContext"]["connectionId"], "origin": origin or "none"})
    answer = {"statusCode": 200, "body": "Connected."}
    # A browser that has asked for a subprotocol gives up unless one is agreed on.
    if "chat" in headers.get("sec-websocket-protocol", "").replace(" ", "").split(","):
        answer["headers"] = {"Sec-WebSocket-Protocol": "chat"}
    return answer
