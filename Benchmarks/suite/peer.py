"""The function that is measured in Google's functions-framework."""


def hello(request):
    return "hello"
