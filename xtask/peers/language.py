"""llama.cpp on the language model's own file."""

import os

from llama_cpp import Llama

from peer import Work, WrongAnswer

TEXT = "the parser drops the last token when the buffer ends in the middle of a character and nobody noticed "


class _Session(Work):
    def __init__(self):
        self.model = Llama(
            os.environ["VOICEFLOW_PEER_GGUF"],
            n_ctx=2048,
            n_batch=512,
            n_threads=int(os.environ["VOICEFLOW_PEER_CORES"]),
            n_threads_batch=int(os.environ["VOICEFLOW_PEER_CORES"]),
            verbose=False,
        )
        self.tokens = self.model.tokenize((TEXT * 20).encode())

    def likeliest(self):
        return self.model.sample(temp=0.0)


class prefill(_Session):
    """128 tokens at once into an empty session."""

    def __init__(self):
        super().__init__()
        self.expected = None

    def call(self, given):
        self.model.reset()
        self.model.eval(self.tokens[:128])
        return self.likeliest()

    def check(self, given, answer):
        self.expected = answer if self.expected is None else self.expected
        if answer != self.expected:
            raise WrongAnswer("another token")


class decode(_Session):
    """One token in a session that has read 256."""

    def __init__(self):
        super().__init__()
        self.model.eval(self.tokens[:256])
        self.expected = None

    def call(self, given):
        self.model.n_tokens = 256
        self.model._ctx.kv_cache_seq_rm(-1, 256, -1)
        self.model.eval(self.tokens[256:257])
        return self.likeliest()

    def check(self, given, answer):
        self.expected = answer if self.expected is None else self.expected
        if answer != self.expected:
            raise WrongAnswer("another token")
