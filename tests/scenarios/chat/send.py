import json
import os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])

def handler(event, context):
    where = event["requestContext"]
    push = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{where['domainName']}/{where['stage']}")
    data = json.loads(event["body"])["data"].encode()
    for item in table.scan(ProjectionExpression="connectionId")["Items"]:
        try:
            push.post_to_connection(ConnectionId=item["connectionId"], Data=data)
        except push.exceptions.GoneException:
            table.delete_item(Key=item)
    return {"statusCode": 200, "body": "Data sent."}
