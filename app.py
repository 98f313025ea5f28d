"""Starts the page. `python app.py` serves http://127.0.0.1:7860; a Hugging Face Space runs this file as it is.

Its package `spaces`, which lends a GPU, is imported with `meta_demo.ui`, before anything asks torch for CUDA.
"""

from meta_demo.start import run

if __name__ == "__main__":
    run()
