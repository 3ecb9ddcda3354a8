"""Names what brought a worker down: field, value and remedy, whatever was raised."""

from __future__ import annotations

import errno

from streams.errors import GoalstreamError, WorkerFailed

RESTART = (
    "restart the worker, it reads again what was not committed; if the same records bring it "
    "down again, the traceback in the log tells where"
)
MEMORY = "give the process more memory, or lower worker.cache_series and worker.batch_records"
DISK = "free space there, then restart the worker; nothing was committed that is not stored"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_IN_ROCKSDB = ("no space left on device", "disk quota exceeded")


def named(error: BaseException, stage: str) -> GoalstreamError:
    """``error`` as one that names its field, value and remedy; one that does stays as it is.

    ``stage`` says what the worker was doing.
    """
    if isinstance(error, GoalstreamError):
        return error
    if is_disk_full(error):
        failure = WorkerFailed(
            f"the disk is full: {error}", field="worker.state_dir", value=stage, remedy=DISK
        )
    else:
        failure = WorkerFailed(
            f"{stage} failed with {error!r}",
            field="stage",
            value=stage,
            remedy=MEMORY if isinstance(error, MemoryError) else RESTART,
        )
    failure.__cause__ = error
    return failure


def is_disk_full(error: BaseException) -> bool:
    """Whether the system or RocksDB, which raises bare exceptions, says that the disk is full."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    text = str(error).lower()
    return any(words in text for words in _FULL_IN_ROCKSDB)
