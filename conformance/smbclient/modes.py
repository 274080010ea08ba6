"""The modes a script runs in: a dialect, and how the messages are protected."""

from dataclasses import dataclass
from typing import Final

# Our names of the dialects, Samba's names, the numbers on the wire ([MS-SMB2] 2.2.4).
DIALECTS: Final = {
    "2.0.2": ("SMB2_02", 0x0202),
    "2.1": ("SMB2_10", 0x0210),
    "3.0": ("SMB3_00", 0x0300),
    "3.0.2": ("SMB3_02", 0x0302),
    "3.1.1": ("SMB3_11", 0x0311),
}
# Protection names with the value of smbclient's --client-protection.
PROTECTIONS: Final = {"plain": "off", "signed": "sign", "encrypted": "encrypt"}
QUICK: Final = ("3.1.1-plain", "3.1.1-signed", "3.1.1-encrypted", "2.0.2-signed")


@dataclass(frozen=True, slots=True)
class Mode:
    """One dialect with one protection."""

    dialect: str
    protection: str

    @property
    def name(self) -> str:
        """For instance "3.1.1-signed"."""
        return f"{self.dialect}-{self.protection}"

    @property
    def dialect_number(self) -> int:
        """DialectRevision as in the NEGOTIATE response."""
        return DIALECTS[self.dialect][1]

    def switches(self) -> list[str]:
        """smbclient's arguments that allow this dialect and protection and nothing else."""
        samba = DIALECTS[self.dialect][0]
        return [
            f"--max-protocol={samba}",
            f"--option=client min protocol={samba}",
            f"--option=client ipc min protocol={samba}",
            f"--option=client ipc max protocol={samba}",
            f"--client-protection={PROTECTIONS[self.protection]}",
        ]


ALL: Final = tuple(
    Mode(dialect, protection)
    for dialect in DIALECTS
    for protection in PROTECTIONS
    # Encryption came with 3.0 ([MS-SMB2] 1.7).
    if protection != "encrypted" or dialect.startswith("3")
)
BY_NAME: Final = {mode.name: mode for mode in ALL}
