# The app for several users, without a GPU. Read-only root: run it with
#   docker run --read-only --tmpfs /tmp -v nodelens:/data -p 127.0.0.1:8501:8501 nodelens
# behind a proxy that speaks HTTPS, and with a login; see docs/operations.md.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt requirements-cpu.lock ./
ARG TORCH_INDEX
# TORCH_INDEX is PyTorch's CPU index; without it the default index is used.
RUN python -m venv /opt/nodelens \
 && /opt/nodelens/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
      $(grep -E '^(torch|torchvision)==' requirements.txt) \
 && /opt/nodelens/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-cpu.lock

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin nodelens \
 && mkdir -m 700 /data && chown nodelens /data
COPY --from=build /opt/nodelens /opt/nodelens
COPY . /app
WORKDIR /app
ENV PATH=/opt/nodelens/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 HOME=/tmp \
    HF_HUB_OFFLINE=1 NODELENS_DATA_DIR=/data STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true
USER nodelens
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://localhost:8501/healthz'), timeout=4)"]
CMD ["streamlit", "run", "app/Home.py"]
