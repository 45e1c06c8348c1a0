"""Payloads at rest: what one installation seals only it opens, and no byte of it may change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from audit.masters import LOOK_SECONDS, MasterKeys
from yichuang.codec import ENCODING, KEY_ID, Algorithm, PayloadUnreadable, codec_of

OLD, NEW = b"o" * 32, b"n" * 32
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data='{"name":"张三"}'.encode())


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=8), st.binary(max_size=8)))
async def test_what_was_sealed_opens_again(data: bytes, metadata: dict[str, bytes]) -> None:
    codec = codec_of([NEW])
    payload = Payload(metadata=metadata, data=data)
    assert await codec.decode(await codec.encode([payload])) == [payload]


async def test_a_sealed_payload_shows_nothing_but_the_keys_id() -> None:
    (sealed,) = await codec_of([NEW]).encode([PLAIN])
    assert "张三".encode() not in sealed.SerializeToString()
    assert set(sealed.metadata) == {"encoding", KEY_ID}


async def test_two_sealings_of_the_same_value_differ() -> None:
    one, two = await codec_of([NEW]).encode([PLAIN, PLAIN])
    assert one.data != two.data


async def test_an_old_key_opens_and_the_new_one_seals() -> None:
    (sealed,) = await codec_of([OLD]).encode([PLAIN])
    rotated = codec_of([NEW, OLD])
    assert await rotated.decode([sealed]) == [PLAIN]
    (fresh,) = await rotated.encode([PLAIN])
    assert await codec_of([NEW]).decode([fresh]) == [PLAIN]


async def test_without_its_key_a_payload_does_not_open() -> None:
    (sealed,) = await codec_of([OLD]).encode([PLAIN])
    with pytest.raises(PayloadUnreadable, match="no key"):
        await codec_of([NEW]).decode([sealed])


@pytest.mark.parametrize("place", [0, 11, 12, -1])
async def test_one_changed_byte_is_found(place: int) -> None:
    (sealed,) = await codec_of([NEW]).encode([PLAIN])
    changed = bytearray(sealed.data)
    changed[place] ^= 1
    with pytest.raises(PayloadUnreadable, match="altered"):
        await codec_of([NEW]).decode([Payload(metadata=sealed.metadata, data=bytes(changed))])


async def test_a_key_id_put_on_another_keys_payload_is_found() -> None:
    """The id is bound in: it cannot be exchanged, not even for a key that is known."""
    both = codec_of([NEW, OLD])
    (sealed,) = await both.encode([PLAIN])
    (other,) = await codec_of([OLD]).encode([PLAIN])
    swapped = Payload(metadata=other.metadata, data=sealed.data)
    with pytest.raises(PayloadUnreadable):
        await both.decode([swapped])


async def test_what_was_never_sealed_stays_as_it_is() -> None:
    assert await codec_of([NEW]).decode([PLAIN]) == [PLAIN]


def test_a_codec_needs_a_key() -> None:
    with pytest.raises(ValueError, match="no master key"):
        codec_of([])


async def test_a_running_codec_takes_up_a_new_key_and_opens_what_another_sealed_first() -> None:
    keys, clock = [OLD], [0.0]
    running = codec_of(MasterKeys(lambda: list(keys), lambda: clock[0]))
    keys.insert(0, NEW)
    (early,) = await codec_of([NEW]).encode([PLAIN])
    assert await running.decode([early]) == [PLAIN]
    clock[0] += LOOK_SECONDS
    (later,) = await running.encode([PLAIN])
    assert later.metadata[KEY_ID] == early.metadata[KEY_ID]


@pytest.mark.parametrize(
    "sealing, opening", [("sm4-gcm", "aes-256-gcm"), ("aes-256-gcm", "sm4-gcm")]
)
async def test_either_algorithm_opens_what_the_other_sealed(
    sealing: Algorithm, opening: Algorithm
) -> None:
    (sealed,) = await codec_of([NEW], sealing).encode([PLAIN])
    assert sealed.metadata["encoding"].decode().endswith(sealing)
    assert await codec_of([NEW], opening).decode([sealed]) == [PLAIN]


async def test_an_algorithm_cannot_be_put_on_what_the_other_sealed() -> None:
    (sealed,) = await codec_of([NEW], "sm4-gcm").encode([PLAIN])
    swapped = Payload(metadata={**sealed.metadata, "encoding": ENCODING}, data=sealed.data)
    with pytest.raises(PayloadUnreadable, match="altered"):
        await codec_of([NEW]).decode([swapped])
