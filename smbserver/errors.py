"""The ways a request, a connection or a start can fail, each with its own type."""


class StatusError(Exception):
    """Answer the request with this NTSTATUS and keep the connection.

    `data` is the error data of an SMB2 ERROR response ([MS-SMB2] 2.2.2). None is not the same as empty: at 3.1.1 empty
    data has a context around it.
    """

    def __init__(self, status: int, data: bytes | None = None) -> None:
        super().__init__(f"NTSTATUS 0x{status:08X}")
        self.status = status
        self.data = data


class WireError(ValueError):
    """Bytes that do not form the structure they claim to be; answered with INVALID_PARAMETER."""


class ProtocolViolation(Exception):
    """The peer broke the protocol so that the connection itself must end."""


class ConfigError(Exception):
    """A setting a person can correct; the text says what and how."""
