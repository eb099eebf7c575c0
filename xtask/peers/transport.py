"""websockets: a server in a process of its own, and its blocking client, over loopback in the clear."""

import os
import subprocess
import sys
import threading

from websockets.sync.client import connect
from websockets.sync.server import serve

from peer import Work, WrongAnswer

FRAME_BYTES = 3200
FRAMES = 10


class _House(Work):
    def __init__(self):
        # A thread of this process would share one interpreter with the client.
        self.server = subprocess.Popen(
            [sys.executable, "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        self.url = f"ws://127.0.0.1:{int(self.server.stdout.readline())}/"


class echo(_House):
    def __init__(self):
        super().__init__()
        self.client = connect(self.url, compression=None)
        self.sent = 0

    def prepare(self):
        self.sent = (self.sent + 1) % FRAMES
        return bytes([self.sent, 0]) * (FRAME_BYTES // 2)

    def call(self, given):
        self.client.send(given)
        return self.client.recv()

    def close(self):
        self.client.close()

    def check(self, given, answer):
        if answer != chr(ord("a") + given[0]) * FRAME_BYTES:
            raise WrongAnswer("another text")


class handshake(_House):
    def call(self, given):
        return connect(self.url, compression=None)

    def check(self, given, answer):
        answer.close()


def _answer(connection):
    for frame in connection:
        connection.send(chr(ord("a") + frame[0]) * len(frame))


def _serve():
    with serve(_answer, "127.0.0.1", 0, compression=None) as server:
        print(server.socket.getsockname()[1], flush=True)
        # The end of the input is the end of whoever started this.
        threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
        server.serve_forever()


if __name__ == "__main__":
    _serve()
