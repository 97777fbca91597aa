# syntax=docker/dockerfile:1
# The gateway alone. Build from the repository's root: docker build -f infra/gateway.Dockerfile -t tollgate-gateway .

FROM rust:1.95.0-bookworm AS build
# The image's own compiler, without the tools of rust-toolchain.toml that a build does not need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p gateway \
    && install -D target/release/tollgate-gateway /out/tollgate-gateway

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home tollgate \
    && install -d -o tollgate -g tollgate -m 700 /var/lib/tollgate
COPY --from=build /out/tollgate-gateway /usr/local/bin/
USER 10001:10001
# 8080: what apps call. 9090: health and metrics, never public.
EXPOSE 8080 9090
# SIGTERM drains: give it more time than the longest answer may take ([server] shutdown_grace).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tollgate-gateway"]
CMD ["--config", "/etc/tollgate/tollgate.toml"]
