"""All settings as one frozen, typed object, checked once at start.

Values come from flags, then environment variables (``GOALSTREAM_KAFKA__BOOTSTRAP``), then the
file ``goalstream.toml``, then the defaults. Unknown keys and variables are errors. Secrets are
named by file and read only where a client needs them. Times are in seconds.
"""

from streams.settings.loading import DEFAULT_FILE, FILE_VARIABLE, load_settings
from streams.settings.model import Settings, read_secret
from streams.settings.sections import EMBEDDED
from streams.settings.text import describe

__all__ = [
    "DEFAULT_FILE",
    "EMBEDDED",
    "FILE_VARIABLE",
    "Settings",
    "describe",
    "load_settings",
    "read_secret",
]
