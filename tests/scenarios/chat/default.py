def handler(event, context):
    """What is no message of the chat goes back to its sender as it came: files do."""
    return {"statusCode": 200, "body": event["body"], "isBase64Encoded": event["isBase64Encoded"]}
