"""What is wrong with a delivery."""


class Flaw(Exception):
    """Says in words what is wrong."""


def require(condition, message):
    if not condition:
        raise Flaw(message)
