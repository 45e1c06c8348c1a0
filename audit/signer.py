"""The signer: it remembers what it last signed, apart from all databases.

It is told a tree head and a proof that this head extends the last one; anything else it refuses,
whoever asks. Its memory is on disk before the signature exists, so that no restored backup and no
owner of the database can make it sign two histories. Founding (`init_signer`) is a separate act
from serving: a mistyped path never founds a second log.

It holds the log's keys (`audit.signing`) and the sizes that each signs. A new key signs only after
an entry that names it stands under a head the old one signed; the next half-year's shard is begun
only with an entry that holds this shard's last head. Its door is `audit.signer_door`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from audit.canonical import NotCanonical
from audit.entry import KEY_ROTATED, SHARD_OPENED, EntryInvalid, parse_entry
from audit.merkle import SHA256, ProofRefused, TreeHash, verify_extension, verify_inclusion
from audit.notes import Checkpoint, NoteVerifier, SigningKey, sign_note
from audit.origins import Origin
from audit.signer_memory import HeldKey, Memory, MemoryFile, SignedHead, read_memory
from audit.signing import KeyUnusable, make_file_key, open_key, write_once

__all__ = [
    "HeldKey",
    "SignedHead",
    "Signer",
    "SignerFounded",
    "SignerNotFounded",
    "SignerRefused",
    "SignerUnavailable",
    "init_signer",
]

MAKE_A_FILE = "file"
"""What `new_key` says when a new key is a file of the signer's own folder."""


class SignerRefused(Exception):
    """The head does not extend what was last signed, or is of another log. An alarm."""


class SignerUnavailable(Exception):
    """The signer cannot be reached. Try again."""


class SignerFounded(Exception):
    """A key or a memory stands there already; nothing was touched."""


class SignerNotFounded(Exception):
    """Key or memory is missing or unreadable; found the log first, or mend the path."""


def init_signer(
    key_path: Path,
    state_path: Path,
    origin: str,
    *,
    passphrase: bytes | None = None,
    key: str = MAKE_A_FILE,
    tree: TreeHash = SHA256,
) -> NoteVerifier:
    """Make a key and an empty memory for the log `origin`, and return the public key.

    With `key` a line for `audit.signing.open_key`, that key is taken and no file is made. Raises
    `SignerFounded` if either file is there, `KeyUnusable`.
    """
    for path in (key_path, state_path):
        if path.exists():
            raise SignerFounded(f"{path} is there already")
    own = key == MAKE_A_FILE
    if own:
        make_file_key(key_path, passphrase)
    spec = _file_spec(key_path, state_path.parent) if own else key
    opened = open_key(spec, origin, state_path.parent, passphrase)
    memory = Memory(SignedHead(origin, 0, tree.empty_root))
    if not own:
        memory = replace(memory, keys=(HeldKey(spec, opened.verifier.vkey),))
    write_once(state_path, memory.spelled())
    return opened.verifier


class Signer:
    """Keys and memory, held by one process at a time (a lock on the memory); its threads stand
    in line."""

    def __init__(
        self,
        key_path: Path,
        state_path: Path,
        *,
        passphrase: bytes | None = None,
        new_key: str = MAKE_A_FILE,
        tree: TreeHash = SHA256,
        observe: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """`new_key` says what the next key is: a file made here, or a line that names one.

        Raises `SignerNotFounded`, and `SignerUnavailable` if another process holds it.
        """
        self._folder = state_path.parent
        self._passphrase = passphrase
        self._new_key = new_key
        self._tree = tree
        self._observe = observe
        self._line = Lock()
        self._opened: dict[tuple[str, str], SigningKey] = {}
        try:
            self._file = MemoryFile.claim(state_path)
        except FileNotFoundError as error:
            raise SignerNotFounded(str(error)) from error
        except BlockingIOError as error:
            raise SignerUnavailable(f"another process holds {state_path}") from error
        try:
            self._memory = read_memory(state_path)
            self._first = self._open_first(_file_spec(key_path, self._folder))
            for held in self.keys():
                if held.signs(self.last().size + 1):  # an older key may have been destroyed
                    self._key(held)
        except (OSError, ValueError, TypeError, KeyError, KeyUnusable) as error:
            self.close()
            raise SignerNotFounded(f"{key_path}, {state_path}: {error}") from error

    @property
    def tree(self) -> TreeHash:
        """The hash of the tree whose heads it signs."""
        return self._tree

    @property
    def verifier(self) -> NoteVerifier:
        """The public half of the newest key."""
        return self._key(self.keys()[-1]).verifier

    def last(self) -> SignedHead:
        """Return the head last signed."""
        return self._memory.head

    def keys(self) -> tuple[HeldKey, ...]:
        """Return the keys of this shard with their sizes, oldest first."""
        return self._memory.keys or (self._first,)

    def sign(self, origin: str, size: int, root: bytes, proof: Sequence[bytes]) -> str:
        """Remember and sign a head that extends the last one. Raises `SignerRefused`.

        The same head may be asked for again: its answer may have been lost on the way.
        """
        with self._line:
            last = self.last()
            if origin != last.origin:
                raise SignerRefused(f"this signer serves {last.origin}, not {origin}")
            if size < 1:
                raise SignerRefused("an empty log is not signed")
            try:
                verify_extension(last.size, size, proof, last.root, root, self._tree)
            except ProofRefused as error:
                raise SignerRefused(
                    f"size {size}, root {root.hex()} does not extend size {last.size}, "
                    f"root {last.root.hex()}: {error}"
                ) from error
            signing = [self._key(held) for held in self.keys() if held.signs(size)]
            if not signing:
                raise SignerRefused(f"no key of {origin} signs size {size}")
            head = SignedHead(origin, size, root)
            if head != last:
                self._remember(self._memory.at(head))
            return sign_note(Checkpoint(origin, size, root).text(), signing)

    def next_key(self) -> str:
        """Return the public key that will follow, made at the first question and kept."""
        with self._line:
            pending = self._memory.pending
            if pending is None:
                pending = self._make_key()
                self._remember(replace(self._memory, keys=self.keys(), pending=pending))
            return pending.vkey

    def activate(self, body: bytes, index: int, proof: Sequence[bytes], overlap: int) -> None:
        """Let the pending key sign from the next head on, the older one for `overlap` sizes more.

        `body` is the entry that names the new key; it must stand under the last head signed. Done
        already is well. Raises `SignerRefused`.
        """
        with self._line:
            said = _said_by(body, KEY_ROTATED)
            pending, keys, size = self._memory.pending, self.keys(), self.last().size
            if pending is None and keys[-1].vkey == said["obj"]["id"]:
                return
            if pending is None or pending.vkey != said["obj"]["id"] or overlap < 1:
                raise SignerRefused("the entry does not name the key that waits, or no overlap")
            try:
                leaf = self._tree.leaf(body)
                verify_inclusion(leaf, index, size, proof, self.last().root, self._tree)
            except ProofRefused as error:
                raise SignerRefused(f"the entry is not under the last head: {error}") from error
            older = [_ended(key, size + overlap) for key in keys]
            self._take_up(older, replace(pending, first=size + 1))

    def revoke(self, vkey: str, end: int) -> None:
        """Stop signing with a key that others may have; verifiers trust it up to size `end`.

        The pending key follows at once. Done already is well. Raises `SignerRefused`.
        """
        with self._line:
            pending, keys, size = self._memory.pending, self.keys(), self.last().size
            chosen = next((key for key in keys if key.vkey == vkey), None)
            if chosen is None:
                raise SignerRefused(f"{vkey} is not a key of {self.last().origin}")
            if chosen.revoked is not None:
                return
            if not 0 <= end <= size:
                raise SignerRefused(f"the key has signed up to {size}, not {end}")
            ended = [
                replace(_ended(key, size), revoked=end) if key is chosen else key for key in keys
            ]
            if any(key.signs(size + 1) for key in ended):
                self._remember(replace(self._memory, keys=tuple(ended)))
            elif pending is None:
                raise SignerRefused("there is no other key yet: ask for the next one first")
            else:
                self._take_up(ended, replace(pending, first=size + 1))

    def found(self, body: bytes) -> None:
        """Begin the next shard, whose first entry `body` is; the head of one is then remembered.

        The entry must hold the last head signed here, and name a later half-year of this log. The
        newest key goes on. Done already is well. Raises `SignerRefused`.
        """
        with self._line:
            said = _said_by(body, SHARD_OPENED)
            last, leaf = self.last(), self._tree.leaf(body)
            if self._memory.opened == leaf.hex():
                return
            before, after = Origin.parse(last.origin), Origin.parse(said["obj"]["id"])
            after = replace(after, tree=before.tree)
            root = said.get("before" if self._tree is SHA256 else "after")
            here = replace(before, tree="")
            if not before.is_before(after):
                raise SignerRefused(f"{after} is no later shard of {before}")
            if said["obj"].get("step") != f"{last.size} {here}" or root != last.root.hex():
                raise SignerRefused(f"the entry does not hold the last head of {last.origin}")
            keys = [self._renamed(key, str(after)) for key in self.keys() if key.last is None]
            pending = self._memory.pending
            follows = self._renamed(pending, str(after)) if pending else None
            head = SignedHead(str(after), 1, leaf)
            self._remember(Memory(head, tuple(keys), follows, leaf.hex()))

    def close(self) -> None:
        """Let another process have it."""
        self._file.release()

    def _take_up(self, older: Sequence[HeldKey], new: HeldKey) -> None:
        self._remember(replace(self._memory, keys=(*older, new), pending=None))

    def _remember(self, memory: Memory) -> None:
        self._observe("remembering")
        self._file.replace(memory)
        self._memory = memory
        self._observe("remembered")

    def _open_first(self, spec: str) -> HeldKey:
        if self._memory.keys:
            return self._memory.keys[0]
        name = self.last().origin
        return HeldKey(spec, open_key(spec, name, self._folder, self._passphrase).verifier.vkey)

    def _key(self, held: HeldKey) -> SigningKey:
        """Return the key, opened once. Raises `KeyUnusable` if it is not the one remembered."""
        name = self.last().origin
        found = self._opened.get((held.backend, name))
        if found is None:
            found = open_key(held.backend, name, self._folder, self._passphrase)
            if found.verifier.vkey != held.vkey:
                raise KeyUnusable(f"{held.backend} holds {found.verifier.vkey}, not {held.vkey}")
            self._opened[held.backend, name] = found
        return found

    def _make_key(self) -> HeldKey:
        spec = self._new_key
        if spec == MAKE_A_FILE:
            path = self._folder / f"log-{len(self.keys()) + 1}-{self.last().size}.key"
            # Left by a crash before the memory knew of it: it has signed nothing.
            path.unlink(missing_ok=True)
            make_file_key(path, self._passphrase)
            self._observe("key made")
            spec = f"file:{path.name}"
        elif any(key.backend == spec for key in self.keys()):
            raise SignerRefused(f"{spec} signs already: configure the key that shall follow")
        try:
            opened = open_key(spec, self.last().origin, self._folder, self._passphrase)
        except (KeyUnusable, OSError) as error:
            raise SignerRefused(f"the key that shall follow: {error}") from error
        return HeldKey(spec, opened.verifier.vkey)

    def _renamed(self, held: HeldKey, origin: str) -> HeldKey:
        opened = open_key(held.backend, origin, self._folder, self._passphrase)
        return HeldKey(held.backend, opened.verifier.vkey)


def _ended(key: HeldKey, size: int) -> HeldKey:
    return key if key.last is not None and key.last <= size else replace(key, last=size)


def _said_by(body: bytes, act: str) -> dict[str, Any]:
    try:
        said = parse_entry(body)
    except (NotCanonical, EntryInvalid) as error:
        raise SignerRefused(f"not an entry: {error}") from error
    if said["act"] != act:
        raise SignerRefused(f"the entry is {said['act']}, not {act}")
    return said


def _file_spec(path: Path, folder: Path) -> str:
    return f"file:{path.name if path.parent == folder else path.absolute()}"
