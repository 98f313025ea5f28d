"""Starts the page. `python app.py` serves http://127.0.0.1:7860; a Hugging Face Space runs this file as it is."""

from meta_demo.ui.serve import main

if __name__ == "__main__":
    main()
