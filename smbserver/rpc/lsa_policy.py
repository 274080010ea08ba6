"""What a policy handle stands for."""


class Policy:
    """The server's policy, opened to be read. It has no state of its own."""

    __slots__ = ()
