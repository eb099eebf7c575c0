"""One side of a pair: work of a peer, batch by batch, when told to.

Speaks the paired protocol of crates/record/src/paired.rs: `cargo xtask peers` holds the baton, and this process works only
while it owes a reply. Which work, by which clock and on how many threads the environment says. As in crates/kit, inputs
are made and answers checked outside the timed spans, and the first call is never timed.

    peer.py WORK        be a side of a pair
    peer.py --words     transcribe all English recordings and print the texts as JSON
"""

import json
import os
import sys
import time
from importlib import import_module

PROTOCOL = 1
PREFIX = "@paired "
CHUNKS_PER_BATCH = 5
LARGEST_CHUNK = 4096

# Work by name: the module, and what makes it.
WORKS = {
    "faster-whisper-int8": ("speech", "int8"),
    "faster-whisper-float32": ("speech", "float32"),
    "llama-prefill": ("language", "prefill"),
    "llama-decode": ("language", "decode"),
    "sqlite3-insert": ("storage", "plain_insert"),
    "sqlite3-get": ("storage", "plain_get"),
    "sqlcipher3-insert": ("storage", "keyed_insert"),
    "sqlcipher3-get": ("storage", "keyed_get"),
    "pyjwt-verify": ("security", "verify"),
    "pyjwt-issue": ("security", "issue"),
    "cryptography-seal": ("security", "seal"),
    "websockets-echo": ("transport", "echo"),
    "websockets-handshake": ("transport", "handshake"),
}


class WrongAnswer(Exception):
    pass


class Work:
    """What is measured. `prepare` makes a call's input, `call` is timed, `check` raises WrongAnswer."""

    def prepare(self):
        return None

    def call(self, given):
        raise NotImplementedError

    def check(self, given, answer):
        raise NotImplementedError

    def close(self):
        pass


def reply(message):
    sys.stdout.write(PREFIX + json.dumps(message) + "\n")
    sys.stdout.flush()


def once(work):
    given = work.prepare()
    work.check(given, work.call(given))


def run(work, calls, chunk):
    """Times so many calls, a chunk of inputs at a time, and checks the last answer of each chunk."""
    wall = cpu = 0
    call = work.call
    while calls > 0:
        inputs = [work.prepare() for _ in range(min(chunk, calls))]
        calls -= len(inputs)
        answer = None
        cpu_started = time.process_time_ns()
        wall_started = time.perf_counter_ns()
        for given in inputs:
            answer = call(given)
        wall += time.perf_counter_ns() - wall_started
        cpu += time.process_time_ns() - cpu_started
        work.check(inputs[-1], answer)
    return wall, cpu


def batch(work, command):
    calls = command["calls"]
    chunk = max(1, min(-(-calls // CHUNKS_PER_BATCH), LARGEST_CHUNK))
    run(work, command["warm"], chunk)
    wall, cpu = run(work, calls, chunk)
    return {"batch": {"wall_ns": wall, "cpu_ns": cpu}}


def estimate(work):
    return {"estimated": {"call_ns": float(min(run(work, 1, 1)[0] for _ in range(3)))}}


def serve(name):
    module, kind = WORKS[name]
    work = getattr(import_module(module), kind)()
    once(work)
    reply(
        {
            "ready": {
                "protocol": PROTOCOL,
                "operation": os.environ["VOICEFLOW_PAIRED"],
                "inputs_sha256": None,
                "clock": os.environ["VOICEFLOW_PEER_CLOCK"],
                "cores": int(os.environ["VOICEFLOW_PEER_CORES"]),
            }
        }
    )
    for line in sys.stdin:
        command = json.loads(line)
        if command == "finish":
            work.close()
            reply({"finished": {}})
            return
        reply(estimate(work) if command == "estimate" else batch(work, command["batch"]))


def main():
    if sys.argv[1] == "--words":
        print(json.dumps(import_module("speech").words()))
        return
    try:
        serve(sys.argv[1])
    except Exception as error:  # Whatever it is, the holder of the baton is told.
        reply({"failed": {"reason": f"{type(error).__name__}: {error}"}})
        raise


if __name__ == "__main__":
    # The modules below import what they need from here under its own name.
    sys.modules["peer"] = sys.modules["__main__"]
    main()
