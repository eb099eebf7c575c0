"""faster-whisper on the recordings, with the weights that the Whisper models here were made from."""

import os
import re
import subprocess
from pathlib import Path

from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio

from peer import Work, WrongAnswer

SPEECH = Path(os.environ["VOICEFLOW_PEER_SPEECH"])
SHORT_SECONDS_MAX = 3.3
SAMPLE_RATE_HZ = 16_000
# Without a prompt tiny.en writes a count in digits, which compares as up to ten wrong words; a lost clip has more.
ERRORS_MAX = 10
# As NUMBERS_IN_WORDS in crates/asr/src/recognizer.rs.
PROMPT = "Well, twenty, thirty, forty people."


def _english():
    """Path and transcript of every English recording, in the order of crates/fixtures/src/speech.rs."""
    clips = [(path, path.with_suffix(".txt").read_text().strip()) for path in sorted(SPEECH.glob("clips/en/*.wav"))]
    librivox = SPEECH / "librivox"
    for line in (librivox / "transcription").read_text().splitlines():
        found = re.fullmatch(r"\s*<s>(.*)</s>\s*\((.*)\)\s*", line)
        if found:
            clips.append((librivox / f"{found[2]}.wav", found[1].strip()))
    if not clips:
        raise FileNotFoundError("no English recordings")
    return clips


def _samples(path):
    return decode_audio(str(path), SAMPLE_RATE_HZ)


def _model(compute_type):
    threads = int(os.environ["VOICEFLOW_PEER_CORES"])
    return WhisperModel(os.environ["VOICEFLOW_PEER_CT2"], device="cpu", compute_type=compute_type, cpu_threads=threads)


def _transcribe(model, samples):
    # Greedy, as the recogniser decodes, and with its prompt.
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=1,
        initial_prompt=PROMPT,
        without_timestamps=True,
    )
    return " ".join(segment.text.strip() for segment in segments)


def _plain(text):
    return re.sub(r"[^a-z0-9' ]+", " ", text.lower()).split()


def errors(said, heard):
    """Words inserted, lost or taken for others, at the least."""
    said, heard = _plain(said), _plain(heard)
    row = list(range(len(heard) + 1))
    for index, word in enumerate(said, 1):
        last, row[0] = row[0], index
        for place, other in enumerate(heard, 1):
            last, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, last + (word != other))
    return row[-1]


class _Short(Work):
    def __init__(self, compute_type):
        limit = SHORT_SECONDS_MAX * SAMPLE_RATE_HZ
        clips = [(_samples(path), said) for path, said in _english()]
        self.clips = [clip for clip in clips if len(clip[0]) <= limit]
        self.model = _model(compute_type)
        self.calls = -1

    def prepare(self):
        self.calls += 1
        return self.clips[self.calls % len(self.clips)]

    def call(self, given):
        return _transcribe(self.model, given[0])

    def check(self, given, answer):
        found = errors(given[1], answer)
        if found > ERRORS_MAX:
            raise WrongAnswer(f"{found} wrong words in one recording")


def int8():
    return _Short("int8")


def float32():
    return _Short("float32")


def words():
    """Word errors over every English recording: of VoiceFlow's own recogniser and of both precisions of the peer."""
    clips = _english()
    program = os.environ["VOICEFLOW_PEER_PROGRAM"]

    def own(path):
        command = [program, "transcribe", "--raw", str(path)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def count(transcribe):
        return sum(errors(said, transcribe(path)) for path, said in clips)

    found = {"voiceflow q8_0": count(own)}
    for compute_type in ("int8", "float32"):
        model = _model(compute_type)
        found[f"faster-whisper {compute_type}"] = count(lambda path: _transcribe(model, _samples(path)))
    return {"clips": len(clips), "words": sum(len(_plain(said)) for _, said in clips), "errors": found}
