"""The smallest function that shows something: it greets whoever the event names."""


def handler(event, context):
    name = event.get("name", "world")
    print(f"greeting {name}")
    return {"message": f"Hello, {name}!", "function": context.function_name, "requestId": context.aws_request_id}
