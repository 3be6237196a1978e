"""What was seen of this machine and its database → checks that say, where it is not well, what to do (design chapter 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from dmscan.errors import DmscanError, ExitCode

SCARCE_BYTES = 200 * 2**20
LEAST_BYTES = 5 * 2**20
"""A scan that stores all titles of a game for the first time needs about so much."""
NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.", "afs", "ceph", "lustre", "gluster", "beegfs")
"""How the types of file systems begin that other machines may write to as well."""
WAL_MENDED = (((3, 44, 6), (3, 45)), ((3, 50, 7), (3, 51)), ((3, 51, 3), (4,)))
"""From and before which versions SQLite's WAL-reset bug is mended (sqlite.org/wal.html#walresetbug)."""


class Mark(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Struct, frozen=True):
    """One thing looked at; `detail` says what was seen and, if it is not ok, what to do. `code` is not 0 only for what failed."""

    name: str
    mark: Mark
    detail: str
    code: ExitCode = ExitCode.OK


def well(name: str, detail: str) -> Check:
    return Check(name, Mark.OK, detail)


def odd(name: str, detail: str) -> Check:
    """Something to look at that fails nothing."""
    return Check(name, Mark.WARN, detail)


def failed(name: str, error: DmscanError) -> Check:
    return Check(name, Mark.FAIL, str(error), error.exit_code)


class Limit(Struct, frozen=True):
    """What a group of endpoints may be asked a second: as documented, and what its last answer's headers said (None: nothing)."""

    group: str
    documented: int
    limit: int | None = None
    left: int | None = None


class Kind(StrEnum):
    """What stands where the database should; `UNREACHABLE`: nobody can tell, for its folder."""

    MISSING = "missing"
    FILE = "file"
    FOLDER = "a folder"
    SPECIAL = "not a regular file"
    FOREIGN_LINK = "a link that belongs to another user"
    UNREACHABLE = "unreachable"


class Place(Struct, frozen=True):
    """Where the database lies. `folder` is the nearest one that exists; sizes are bytes, modes permission bits (None: not known).

    `shared` says that the folder is everybody's own, as /tmp is: whoever makes a file there owns it.
    """

    path: str
    kind: Kind
    folder: str
    size: int = 0
    mode: int | None = None
    folder_mode: int | None = None
    shared: bool = False
    writable: bool = True
    folder_writable: bool = True
    free: int | None = None
    filesystem: str = ""


class Contents(Struct, frozen=True):
    """What the database says of itself, and what is damaged in it; `whole` if all of it could be looked through in time."""

    version: int
    newest: int
    journal: str
    damage: tuple[str, ...] = ()
    whole: bool = True


def place_checks(place: Place) -> Iterator[Check]:
    """Whether a scan could store here. Nothing for a database that can be used: what is in it says more."""
    if place.kind not in (Kind.MISSING, Kind.FILE):
        what = "cannot be reached" if place.kind is Kind.UNREACHABLE else f"is {place.kind}"
        yield _unusable(f"{place.path} {what}: choose another file with --db.")
    elif not (place.writable and place.folder_writable):
        which = place.folder if place.writable else place.path
        yield _unusable(f"{which} may not be written: change its owner or mode, or choose another file with --db.")
    elif place.kind is Kind.MISSING:
        yield well("database", f"none yet: the first scan makes {place.path}")


def _unusable(detail: str) -> Check:
    return Check("database", Mark.FAIL, detail, ExitCode.NOT_STORED)


def surroundings(place: Place) -> Iterator[Check]:
    """Who may read what is stored, whether locks hold where it lies, and how much room there is."""
    if place.kind is Kind.FILE:
        yield _permissions(place)
    if place.filesystem.startswith(NETWORK):
        where = f"{place.folder} lies on a network file system ({place.filesystem})"
        yield odd("file system", f"{where}, whose locks may not hold: let one machine alone use it, or choose a local file with --db")
    if place.free is not None:
        yield _room(place.folder, place.free)


def _permissions(place: Place) -> Check:
    """Only its owner should read what is stored (reliability.md K2)."""
    open_ones = [f"chmod 600 {place.path}"] if place.mode and place.mode & 0o077 else []
    if place.folder_mode and place.folder_mode & 0o077 and not place.shared:
        open_ones.append(f"chmod 700 {place.folder}")
    modes = f"file {_octal(place.mode)}, folder {_octal(place.folder_mode)}"
    if open_ones:
        return odd("permissions", f"{modes}: open to other users; run {' and '.join(open_ones)}")
    return well("permissions", modes)


def _octal(mode: int | None) -> str:
    return "unknown" if mode is None else f"{mode:04o}"


def _room(folder: str, free: int) -> Check:
    if free < LEAST_BYTES:
        return Check("disk", Mark.FAIL, f"{size(free)} free in {folder}: make room, or choose another with --db", ExitCode.NOT_STORED)
    if free < SCARCE_BYTES:
        return odd("disk", f"{size(free)} free in {folder}: make room, or run dmscan history prune --vacuum")
    return well("disk", f"{size(free)} free")


def contents_checks(place: Place, found: Contents | None) -> Iterator[Check]:
    """`None` is a database that a scan left half written when it died."""
    if found is None:
        yield odd("database", f"{place.path}, {size(place.size)}: a scan died while it stored; the next one undoes what is half written")
        return
    yield well("database", f"{place.path}, {size(place.size)}, {_schema(found)}")
    yield _journal(found)
    yield _integrity(place, found)


def _schema(found: Contents) -> str:
    if not found.version:
        return "empty: the first scan fills it"
    step = "" if found.version == found.newest else f": the next scan brings it to {found.newest}"
    return f"schema {found.version}{step}"


def _journal(found: Contents) -> Check:
    if found.journal == "wal":
        return odd("journal", "WAL: another program set it; the next scan goes back to TRUNCATE")
    return well("journal", "TRUNCATE and synchronous FULL while a scan stores")


def _integrity(place: Place, found: Contents) -> Check:
    if found.damage:
        aside = f"move it to {place.path}.corrupt and the next scan starts a new one"
        return Check("integrity", Mark.FAIL, f"damaged ({'; '.join(found.damage)}): {aside}", ExitCode.NOT_STORED)
    return well("integrity", "no damage" if found.whole else "no damage in what could be looked at in time")


def running(commands: Sequence[str]) -> Check:
    """`commands` hold a lock of the database now."""
    return well("locks", f"held now by {', '.join(commands)}" if commands else "none held")


def sqlite(version: tuple[int, ...], oldest: tuple[int, ...], *, verbose: bool) -> Check:
    """STRICT tables need the `oldest`; with `verbose` a known bug is named that cannot meet dmscan (reliability.md D21)."""
    shown = _dotted(version)
    if version < oldest:
        detail = f"{shown} is too old to store with, {_dotted(oldest)} is the oldest that can: use a newer Python, or scan with --no-store"
        return Check("SQLite", Mark.FAIL, detail, ExitCode.NOT_STORED)
    bug = "; its WAL-reset bug does not matter, because dmscan keeps a TRUNCATE journal"
    return well("SQLite", f"{shown}{bug if verbose and has_wal_bug(version) else ''}")


def has_wal_bug(version: tuple[int, ...]) -> bool:
    return not any(since <= version < before for since, before in WAL_MENDED)


def libraries(versions: Mapping[str, str], *, verbose: bool) -> Check:
    """`versions` by name, "" for one that is missing."""
    missing = [name for name, version in versions.items() if not version]
    if missing:
        return odd("libraries", f"missing: {', '.join(missing)}; install dmscan again")
    if not versions:
        return well("libraries", "not known: dmscan was not installed as a package")
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return well("libraries", named if verbose else f"all {len(versions)} found (-v names them)")


def terminal(encoding: str) -> Check:
    """Whether ★ and ™ can be printed."""
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return well("terminal", "UTF-8")
    return odd("terminal", f"{encoding or 'unknown'}: what it cannot print appears as escapes; set LC_ALL=C.UTF-8")


def size(count: int) -> str:
    """Bytes in the largest unit that fits: 2202010 → "2.1 MB"."""
    for power, unit in ((40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")):
        if count >= 2**power:
            whole, tenth = divmod(count * 10 // 2**power, 10)
            return f"{whole:,}.{tenth} {unit}"
    return f"{count} bytes"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
