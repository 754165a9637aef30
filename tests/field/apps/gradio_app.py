"""A function that yields three times."""

import sys
import time

import gradio as gr


def count(word):
    for number in range(3):
        time.sleep(0.3)
        yield f"{word} {number}"


with gr.Blocks() as demo:
    entry, result = gr.Textbox(), gr.Textbox()
    gr.Button().click(count, entry, result, api_name="count")
demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
