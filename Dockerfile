# One image for the worker and for the commands: docker build -t goalstream .

FROM python:3.11-slim-bookworm AS build
ARG UV_VERSION=0.13.8
RUN pip install --no-cache-dir "uv==${UV_VERSION}"
ENV UV_PROJECT_ENVIRONMENT=/opt/goalstream \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# Dependencies change less often than the sources, so they have a layer of their own.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --no-install-project
COPY topics.yaml ./
COPY schemas schemas
COPY examples/data examples/data
COPY streams streams
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.11-slim-bookworm
# A volume takes over the owner of the folder that it is first mounted on.
RUN useradd --system --user-group --uid 10001 --no-create-home goalstream \
    && install -d -o goalstream -g goalstream -m 0700 /var/lib/goalstream \
    && install -d -o goalstream -g goalstream /var/cache/goalstream \
    && install -d /etc/goalstream
COPY --from=build /opt/goalstream /opt/goalstream
ENV PATH=/opt/goalstream/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/goalstream \
    GOALSTREAM_WORKER__STATE_DIR=/var/lib/goalstream
# A goalstream.toml mounted into this folder is found without being named.
WORKDIR /etc/goalstream
USER goalstream
# Compiled here, so that no container has to; Numba compiles again on another kind of processor.
RUN python -c "from streams.core.config import ForecastConfig as C; \
from streams.runtime.warmup import warm_up; warm_up(C())"
VOLUME /var/lib/goalstream
ENTRYPOINT ["goalstream"]
CMD ["worker"]
