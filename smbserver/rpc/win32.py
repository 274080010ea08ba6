"""The Win32 and NERR codes that services put at the end of their replies. [MS-ERREF] 2.2, [MS-SRVS] 2.2.2.10."""

from __future__ import annotations

from typing import Final

NERR_SUCCESS: Final = 0
ERROR_ACCESS_DENIED: Final = 5
ERROR_INVALID_PARAMETER: Final = 87
ERROR_INVALID_NAME: Final = 123
ERROR_INVALID_LEVEL: Final = 124
ERROR_MORE_DATA: Final = 234
NERR_BUF_TOO_SMALL: Final = 2123
NERR_USER_NOT_FOUND: Final = 2221
NERR_NET_NAME_NOT_FOUND: Final = 2310
NERR_DEVICE_NOT_SHARED: Final = 2311
NERR_CLIENT_NAME_NOT_FOUND: Final = 2312
NERR_FILE_ID_NOT_FOUND: Final = 2314
