"""Logged-on sessions, trees and files: the calls that tests and benchmarks make, one round trip each."""

import secrets
import struct
from dataclasses import dataclass
from typing import Final

from . import commands, queries
from .commands import Closed, ConnectedTree, Created, Negotiated
from .connection import Connection
from .contexts import Context, chosen, usual_negotiate_contexts
from .login import Logon, check_last_reply, log_on
from .message import Buffer, Reply, Request
from .ntlm import Credentials
from .protocol import (
    AES_128_CCM,
    AES_128_GCM,
    AES_256_CCM,
    AES_256_GCM,
    AES_CMAC,
    AES_GMAC,
    BUFFER_OVERFLOW,
    CAP_DIRECTORY_LEASING,
    CAP_ENCRYPTION,
    CAP_LARGE_MTU,
    CAP_LEASING,
    DIRECTORY_FILE,
    ENCRYPTION_CAPABILITIES,
    FSCTL_VALIDATE_NEGOTIATE_INFO,
    GENERIC_READ,
    GENERIC_WRITE,
    HMAC_SHA256,
    NO_MORE_FILES,
    OPEN,
    OPLOCK_NONE,
    SESSION_ENCRYPT_DATA,
    SHARE_ALL,
    SHARE_ENCRYPT_DATA,
    SIGNING_CAPABILITIES,
    SIGNING_ENABLED,
    SIGNING_REQUIRED,
    SMB_2_0_2,
    SMB_2_1,
    SMB_3_0,
    SMB_3_0_2,
    SMB_3_1_1,
    SUCCESS,
    ProtocolFailure,
)
from .security import Protection, extend_preauth, session_sealer, session_signer

ALL_DIALECTS: Final = (SMB_2_0_2, SMB_2_1, SMB_3_0, SMB_3_0_2, SMB_3_1_1)


@dataclass(frozen=True)
class Options:
    """What the client offers and demands."""

    dialects: tuple[int, ...] = ALL_DIALECTS
    signing: bool = False
    """True signs everything. False signs only what must be: where the server demands it, and TREE_CONNECT in 3.1.1."""
    encryption: bool = False
    """True seals everything behind the logon; raises ProtocolFailure when the server cannot."""
    ciphers: tuple[int, ...] = (AES_128_GCM, AES_128_CCM, AES_256_GCM, AES_256_CCM)
    signing_algorithms: tuple[int, ...] = (AES_GMAC, AES_CMAC, HMAC_SHA256)
    capabilities: int = CAP_LARGE_MTU | CAP_LEASING | CAP_DIRECTORY_LEASING | CAP_ENCRYPTION
    spnego: bool = True
    extra_contexts: tuple[tuple[int, bytes], ...] = ()
    client_guid: bytes | None = None
    timeout: float = 30.0
    check_setup_signature: bool = True
    """False accepts a wrong signature on the last SESSION_SETUP reply (some servers make one)."""


class Session:
    """A connection with one logged-on user. Closes the connection at the end of a `with` block."""

    def __init__(self, connection: Connection, options: Options) -> None:
        """Negotiates on a fresh connection; raises StatusFailure or ProtocolFailure."""
        self.connection = connection
        self.options = options
        self.session_id = 0
        self.logon: Logon | None = None
        self.protection = Protection()
        self.client_guid = options.client_guid or secrets.token_bytes(16)
        self.security_mode = SIGNING_REQUIRED | SIGNING_ENABLED if options.signing else SIGNING_ENABLED
        has_311 = SMB_3_1_1 in options.dialects
        contexts = usual_negotiate_contexts(options.ciphers, options.signing_algorithms) if has_311 else []
        reply = connection.call(
            commands.negotiate(
                options.dialects,
                self.security_mode,
                options.capabilities if max(options.dialects) >= SMB_2_1 else 0,
                self.client_guid if max(options.dialects) >= SMB_2_1 else bytes(16),
                [*contexts, *options.extra_contexts] if has_311 else None,
            )
        ).check()
        self.negotiated: Negotiated = commands.decode_negotiate(reply)
        dialect = self.negotiated.dialect
        if dialect not in options.dialects:
            raise ProtocolFailure(f"the server chose dialect {dialect:#06x}, which was not offered")
        connection.dialect = dialect
        connection.large_mtu = dialect >= SMB_2_1 and bool(self.negotiated.capabilities & CAP_LARGE_MTU)
        self._preauth = extend_preauth(extend_preauth(bytes(64), connection.last_sent), reply.raw)
        self.cipher: int | None = None
        self.signing_algorithm = HMAC_SHA256 if dialect < SMB_3_0 else AES_CMAC
        if dialect == SMB_3_1_1:
            self.cipher = chosen(self.negotiated.contexts, ENCRYPTION_CAPABILITIES)
            algorithm = chosen(self.negotiated.contexts, SIGNING_CAPABILITIES)
            self.signing_algorithm = AES_CMAC if algorithm is None else algorithm
            if (self.cipher and self.cipher not in options.ciphers) or (
                algorithm is not None and algorithm not in options.signing_algorithms
            ):
                raise ProtocolFailure(f"the server chose cipher {self.cipher}, signing {algorithm}: not offered")
        elif dialect >= SMB_3_0 and self.negotiated.capabilities & CAP_ENCRYPTION:
            self.cipher = AES_128_CCM

    def log_on(self, credentials: Credentials, previous_session_id: int = 0) -> Logon:
        """Logs on and derives the keys; raises StatusFailure when the server refuses."""
        connection, dialect = self.connection, self.negotiated.dialect
        logon = log_on(
            connection,
            credentials,
            self._preauth,
            spnego=self.options.spnego,
            security_mode=self.security_mode,
            previous_session_id=previous_session_id,
        )
        self.logon, self.session_id = logon, logon.session_id
        if logon.anonymous_or_guest or not credentials.user:
            if self.options.signing or self.options.encryption:
                raise ProtocolFailure("the server logged the user on as a guest, who can neither sign nor encrypt")
            return logon
        protection = self.protection
        protection.signer = session_signer(dialect, self.signing_algorithm, logon.session_key, logon.preauth)
        if self.cipher:
            protection.sealer = session_sealer(dialect, self.cipher, logon.session_key, logon.preauth)
        connection.protections[logon.session_id] = protection
        if self.options.check_setup_signature:
            check_last_reply(connection, logon, must_be_signed=dialect == SMB_3_1_1 or self.options.signing)
        protection.sign = self.options.signing or bool(self.negotiated.security_mode & SIGNING_REQUIRED)
        protection.encrypt = self.options.encryption or bool(logon.flags & SESSION_ENCRYPT_DATA)
        if protection.encrypt and protection.sealer is None:
            raise ProtocolFailure(f"dialect {dialect:#06x} of this server has no encryption")
        return logon

    def request(self, request: Request) -> Request:
        """The same request, with the session's id."""
        request.session_id = self.session_id
        return request

    def call(self, request: Request, timeout: float | None = None) -> Reply:
        """Sends a request of this session and waits for its reply, whatever its status."""
        return self.connection.call(self.request(request), timeout)

    def tree(self, share: str, *, validate: bool = True) -> "Tree":
        r"""Connects to a share; in 3.0 and 3.0.2 also checks that the negotiation was not tampered with."""
        request = commands.tree_connect(f"\\\\127.0.0.1\\{share}")
        if self.negotiated.dialect == SMB_3_1_1 and self.protection.signer is not None:
            request.sign = True  # Section 3.2.4.1.1: even where nothing else is signed.
        reply = self.call(request).check()
        tree = Tree(self, reply.tree_id, commands.decode_tree_connect(reply))
        if tree.connected.share_flags & SHARE_ENCRYPT_DATA:
            self.protection.encrypt = True
        signed = self.protection.signer is not None
        if validate and signed and self.negotiated.dialect in (SMB_3_0, SMB_3_0_2):
            self.validate_negotiation(tree)
        return tree

    def validate_negotiation(self, tree: "Tree") -> None:
        """FSCTL_VALIDATE_NEGOTIATE_INFO, section 3.2.5.5; raises ProtocolFailure when the answers differ."""
        options = self.options
        data = struct.pack("<I16sHH", options.capabilities, self.client_guid, self.security_mode, len(options.dialects))
        request = queries.ioctl(
            FSCTL_VALIDATE_NEGOTIATE_INFO, data + struct.pack(f"<{len(options.dialects)}H", *options.dialects)
        )
        request.sign = True
        info = queries.decode_ioctl(tree.call(request).check())
        seen = self.negotiated
        if info != struct.pack("<I16sHH", seen.capabilities, seen.server_guid, seen.security_mode, seen.dialect):
            raise ProtocolFailure("the negotiation was tampered with, or the server answers inconsistently")

    def log_off(self) -> Reply:
        """LOGOFF; the session id is dead afterwards."""
        reply = self.call(commands.logoff()).check()
        self.connection.protections.pop(self.session_id, None)
        return reply

    def close(self) -> None:
        """Closes the connection without a word."""
        self.connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    host: str, port: int, user: str, password: str, *, domain: str = "", options: Options | None = None
) -> Session:
    """Connects, negotiates and logs on. An empty user logs on anonymously."""
    options = options or Options()
    connection = Connection(host, port, timeout=options.timeout)
    try:
        session = Session(connection, options)
        session.log_on(Credentials(user, password, domain))
    except BaseException:  # whatever it was, the socket must not leak
        connection.close()
        raise
    return session


class Tree:
    """A connected share."""

    def __init__(self, session: Session, tree_id: int, connected: ConnectedTree) -> None:
        self.session = session
        self.tree_id = tree_id
        self.connected = connected

    def request(self, request: Request) -> Request:
        """The same request, with the ids of session and tree."""
        request.session_id = self.session.session_id
        request.tree_id = self.tree_id
        return request

    def submit(self, request: Request) -> int:
        """Sends a request of this tree; gives its message id."""
        return self.session.connection.submit(self.request(request))

    def call(self, request: Request, timeout: float | None = None) -> Reply:
        """Sends a request of this tree and waits for its reply, whatever its status."""
        return self.session.connection.call(self.request(request), timeout)

    def call_compound(self, requests: list[Request], *, related: bool = True) -> list[Reply]:
        """Sends requests of this tree as one compound and waits for all replies."""
        return self.session.connection.call_compound([self.request(each) for each in requests], related=related)

    def open(
        self,
        name: str,
        *,
        access: int = GENERIC_READ,
        disposition: int = OPEN,
        options: int = 0,
        attributes: int = 0,
        share: int = SHARE_ALL,
        oplock: int = OPLOCK_NONE,
        contexts: list[Context] | tuple[Context, ...] = (),
    ) -> "File":
        """CREATE; raises StatusFailure."""
        request = commands.create(
            name, access=access, disposition=disposition, options=options, attributes=attributes, share=share,
            oplock=oplock, contexts=contexts,
        )  # fmt: skip
        return File(self, commands.decode_create(self.call(request).check()))

    def create(self, name: str, disposition: int = 5) -> "File":
        """Opens a file for reading and writing; makes it, or empties it, unless another disposition is given."""
        return self.open(name, access=GENERIC_READ | GENERIC_WRITE, disposition=disposition)

    def list_directory(self, name: str = "", pattern: str = "*", length: int = 65536) -> list[queries.Entry]:
        """All entries of a directory, `.` and `..` included."""
        with self.open(name, options=DIRECTORY_FILE) as directory:
            return directory.list_directory(pattern, length=length)

    def disconnect(self) -> Reply:
        """TREE_DISCONNECT."""
        return self.call(commands.tree_disconnect()).check()


class File:
    """An open file or directory. Closed at the end of a `with` block."""

    def __init__(self, tree: Tree, created: Created) -> None:
        self.tree = tree
        self.created = created
        self.file_id = created.file_id
        self._open = True

    def __enter__(self) -> "File":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._open and kind is None:
            self.close()

    def read(self, offset: int, length: int) -> bytes:
        """One READ; raises StatusFailure, also at the end of the file."""
        return commands.decode_read(self.tree.call(commands.read(self.file_id, offset, length)).check())

    def write(self, offset: int, data: Buffer) -> int:
        """One WRITE; the count that the server states."""
        return commands.decode_write(self.tree.call(commands.write(self.file_id, offset, data)).check())

    def flush(self) -> None:
        """FLUSH."""
        self.tree.call(commands.flush(self.file_id)).check()

    def lock(self, offset: int, length: int, flags: int) -> None:
        """One LOCK with one element."""
        self.tree.call(commands.lock(self.file_id, [(offset, length, flags)])).check()

    def query(self, info_type: int, kind: int, length: int = 65536, additional: int = 0) -> bytes:
        """One QUERY_INFO; what was cut short (BUFFER_OVERFLOW) is given as it came."""
        request = queries.query_info(self.file_id, info_type, kind, length, additional)
        return queries.decode_buffer(self.tree.call(request).check(SUCCESS, BUFFER_OVERFLOW))

    def set(self, info_type: int, kind: int, data: bytes, additional: int = 0) -> None:
        """One SET_INFO."""
        self.tree.call(queries.set_info(self.file_id, info_type, kind, data, additional)).check()

    def list_directory(
        self, pattern: str = "*", *, kind: int = queries.FILE_ID_BOTH_DIRECTORY, length: int = 65536
    ) -> list[queries.Entry]:
        """QUERY_DIRECTORY until there are no more files."""
        entries: list[queries.Entry] = []
        flags = queries.RESTART_SCANS
        while True:
            request = queries.query_directory(self.file_id, pattern, kind, length, flags)
            reply = self.tree.call(request).check(SUCCESS, NO_MORE_FILES)
            if reply.status == NO_MORE_FILES:
                return entries
            entries += queries.decode_entries(queries.decode_buffer(reply), kind)
            flags = 0

    def close(self, flags: int = 0) -> Closed:
        """CLOSE; raises StatusFailure."""
        self._open = False
        return commands.decode_close(self.tree.call(commands.close(self.file_id, flags)).check())
