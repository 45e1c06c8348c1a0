# One image for every role: `docker compose build`, then the command says which role runs.
FROM python:3.12-slim-bookworm

WORKDIR /app
COPY . .
# The same preparation as on a bare machine: Pango, fonts, a compiler for durable-rules, the lock.
RUN bin/yichuang prepare && rm -rf /var/lib/apt/lists/*
# pg_dump and pg_restore of the server's version, for `yichuang backup`: Debian's own are older.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-common ca-certificates \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -y --no-install-recommends postgresql-client-16 \
    && rm -rf /var/lib/apt/lists/*

# Named volumes take over the owner of the folders they cover.
RUN useradd --system --uid 10001 --home-dir /var/lib/yichuang --create-home yichuang \
    && install -d -o yichuang -g yichuang -m 0700 /seeds /master /signer /signer-door /nats
USER yichuang
ENV YICHUANG_FORM=large YICHUANG_DATA=/var/lib/yichuang PYTHONUNBUFFERED=1

ENTRYPOINT ["/app/bin/yichuang"]
CMD ["--help"]
