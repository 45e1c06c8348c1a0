"""SM4 (GB/T 32907-2016) in Galois counter mode, as RFC 8998 §2 has it: 128-bit key and tag."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

KEY_BYTES = 16
TAG_BYTES = 16

__all__ = ["KEY_BYTES", "TAG_BYTES", "InvalidTag", "Sm4Gcm"]


class Sm4Gcm:
    """Encrypts and opens under one key; of the form of `cryptography`'s AESGCM, which has no SM4.

    A nonce of 12 bytes must never come twice under one key.
    """

    def __init__(self, key: bytes) -> None:
        """`key` has 16 bytes. Raises `ValueError` otherwise."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"an SM4 key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = SM4(key)

    def encrypt(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Return ciphertext ‖ tag. Raises `ValueError` for a nonce below 8 or above 128 bytes."""
        sealing = Cipher(self._cipher, GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(aad)
        return sealing.update(plaintext) + sealing.finalize() + sealing.tag

    def decrypt(self, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Return the plaintext. Raises `InvalidTag`, also for fewer bytes than a tag."""
        if len(sealed) < TAG_BYTES:
            raise InvalidTag
        opening = Cipher(self._cipher, GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
        opening.authenticate_additional_data(aad)
        return opening.update(sealed[:-TAG_BYTES]) + opening.finalize()
