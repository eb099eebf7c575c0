"""PyJWT and cryptography on what crates/security/benches/operations signs, verifies and seals."""

import os
import time

import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peer import Work, WrongAnswer

SECRET = bytes([0x5A] * 32)
ISSUER = "https://voiceflow.example"
AUDIENCE = "voiceflow"
LIFETIME_S = 24 * 3600
USERS = [f"user-{number:04}@example.com" for number in range(1024)]
SEALED_BYTES = 16 * 1024
ASSOCIATED_DATA = b"transcript 1234567"


def _claims(user):
    now = int(time.time())
    return {"sub": user, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME_S}


def _read(token):
    return jwt.decode(token, SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)


class _Rotation(Work):
    """The 1,024 users in turn."""

    def __init__(self, things):
        self.things = things
        self.next = 0

    def prepare(self):
        self.next = (self.next + 1) % len(self.things)
        return self.things[self.next]


class verify(_Rotation):
    def __init__(self):
        super().__init__([(user, jwt.encode(_claims(user), SECRET, algorithm="HS256")) for user in USERS])

    def call(self, given):
        return _read(given[1])

    def check(self, given, answer):
        if answer["sub"] != given[0]:
            raise WrongAnswer("another user")


class issue(_Rotation):
    def __init__(self):
        super().__init__(USERS)

    def call(self, given):
        return jwt.encode(_claims(given), SECRET, algorithm="HS256")

    def check(self, given, answer):
        if _read(answer)["sub"] != given:
            raise WrongAnswer("another user")


class seal(Work):
    def __init__(self):
        self.cipher = AESGCM(os.urandom(32))
        self.plaintext = bytes(number % 251 for number in range(SEALED_BYTES))

    def prepare(self):
        return self.plaintext

    def call(self, given):
        nonce = os.urandom(12)
        return nonce, self.cipher.encrypt(nonce, given, ASSOCIATED_DATA)

    def check(self, given, answer):
        if self.cipher.decrypt(*answer, ASSOCIATED_DATA) != given:
            raise WrongAnswer("another plaintext")
