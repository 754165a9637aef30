"""Ask the stub at ``argv[1]``, plainly and for a stream; the last line is the outcome."""

import json
import sys
import threading

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", timeout=90)
threading.Timer(1.0, lambda: print("asked", flush=True)).start()
message = [{"role": "user", "content": "?"}]
try:
    plain = client.chat.completions.create(model="stub", messages=message).choices[0].message.content
except openai.APIStatusError as error:
    plain = f"status {error.status_code}"
pieces = client.chat.completions.create(model="stub", messages=message, stream=True)
words = [piece.choices[0].delta.content for piece in pieces if piece.choices[0].delta.content]
print(json.dumps({"plain": plain, "streamed": " ".join(words)}))
