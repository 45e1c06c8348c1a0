"""What must be true of the machine before anything is started; each fault is one sentence."""

import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yichuang.roles import write_whole
from yichuang.settings import Settings

HEADROOM_MB = 64
"""Free space without which we do not start: the servers' write-ahead logs alone may take this."""

MARK = "YICHUANG_PART_OF"
"""Variable in the environment of each process we start: by it the next start finds the left-over
ones, grandchildren too, and no other process."""


class StartRefused(Exception):
    """The surroundings do not allow a start; the text is the sentence to show."""


def prepare_folder(settings: Settings) -> None:
    """Make the data folder and try it with a real write. Raises `StartRefused`."""
    data = settings.data
    probe = data / ".probe"
    try:
        for folder in (data, settings.run_folder, settings.log_folder, settings.keys_folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with probe.open("wb") as file:
            file.write(b"\0" * 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
        free_mb = shutil.disk_usage(data).free // (1024 * 1024)
    except OSError as fault:
        raise StartRefused(_sentence(data, fault)) from fault
    finally:
        if probe.exists():
            probe.unlink()
    if free_mb < HEADROOM_MB:
        raise StartRefused(
            f"数据目录 {data} 所在磁盘只剩 {free_mb} MB，至少要 {HEADROOM_MB} MB；请先腾出空间。"
        )


def _sentence(data: Path, fault: OSError) -> str:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"数据目录 {data} 所在磁盘已满，不能写入；请先腾出空间。"
    if fault.errno == errno.EROFS:
        return f"数据目录 {data} 在只读的磁盘上；请改为可写，或用 YICHUANG_DATA 另选目录。"
    if fault.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"数据目录 {data} 的位置上已有一个不是目录的文件；请用 YICHUANG_DATA 另选目录。"
    return f"数据目录 {data} 不能写入（{fault.strerror}）；请改权限，或用 YICHUANG_DATA 另选目录。"


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Hold the data folder for this process. Raises `StartRefused` when another one holds it.

    The kernel lets go of the lock when the holder dies, by whatever death.
    """
    with (settings.data / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as other:
            lock.seek(0)
            holder = lock.read().strip() or "?"
            raise StartRefused(
                f"数据目录 {settings.data} 已由另一个一窗（进程 {holder}）使用；"
                "请先停止它，或用 YICHUANG_DATA 另选目录。"
            ) from other
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(settings: Settings) -> bool:
    """Whether some process holds the data folder now."""
    try:
        with (settings.data / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: a port whose last connections still fade (TIME_WAIT) is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                return False
            raise StartRefused(f"不能在 {host}:{port} 上监听：{fault.strerror}。") from fault
    return True


def take_ports(settings: Settings, parts: tuple[str, ...]) -> list[str]:
    """Fix the port of each part, remembered in run/ports.json; return what there is to tell.

    A port the operator chose must be free, else `StartRefused`; one that we chose is kept from
    start to start and replaced only when a stranger has taken it meanwhile.
    """
    path = settings.run_folder / "ports.json"
    kept: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}
    told = []
    for part in parts:
        host = settings.host if part == "web" else settings.loopback
        chosen: int = getattr(settings, f"{part}_port")
        if chosen:
            if not is_free(host, chosen):
                raise StartRefused(
                    f"端口 {host}:{chosen} 已被占用；请停掉占用它的程序，"
                    f"或设 YICHUANG_{part.upper()}_PORT 为别的端口（0 为自选）。"
                )
            continue
        before = kept.get(part)
        if before is None or not is_free(host, before):
            kept[part] = _any_free(host, set(kept.values()))
            if before is not None:
                told.append(f"{part} 原用的端口 {before} 已被别的程序占用，改用 {kept[part]}。")
    write_whole(path, kept)
    return told


def _any_free(host: str, taken: set[int]) -> int:
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


def mark(settings: Settings, part: str) -> str:
    """Return the value of `MARK` for a part of this data folder."""
    return f"{part}@{settings.data}"


def marked(settings: Settings, part: str | None = None) -> list[int]:
    """Return the living processes that were started for this data folder (and this part)."""
    prefix = f"{MARK}={part}@" if part else f"{MARK}="
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # gone meanwhile, or another user's: then it is not ours
        for variable in variables:
            text = variable.decode(errors="surrogateescape")
            if text.startswith(prefix) and text.partition("@")[2] == str(settings.data):
                found.append(int(entry.name))
    return found


def end(settings: Settings, part: str | None = None, *, within: float = 5.0) -> int:
    """End what is left of an earlier run (or of one part): asked first, then forced.

    Returns how many processes there were. Call only while the data folder is held.
    """
    first = marked(settings, part)
    deadline = time.monotonic() + within
    _signal(first, signal.SIGTERM)
    while time.monotonic() < deadline and marked(settings, part):
        time.sleep(0.05)
    while left := marked(settings, part):
        _signal(left, signal.SIGKILL)
        time.sleep(0.05)
    return len(first)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
