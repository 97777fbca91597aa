# syntax=docker/dockerfile:1
# The control plane alone: console, management API, jobs, command line. Build from the repository's root:
#   docker build -f infra/control-api.Dockerfile -t tollgate-control .

FROM rust:1.95.0-bookworm AS build
# The image's own compiler, without the tools of rust-toolchain.toml that a build does not need.
ENV RUSTUP_TOOLCHAIN=1.95.0
# Queries are checked against what is kept in .sqlx; there is no database here.
ENV SQLX_OFFLINE=true
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p control-api \
    && install -D target/release/tollgate-control /out/tollgate-control

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home tollgate \
    && install -d -o tollgate -g tollgate -m 700 /var/lib/tollgate /var/lib/tollgate-node
COPY --from=build /out/tollgate-control /usr/local/bin/
USER 10001:10001
# The console, the management API, and what gateways connect to.
EXPOSE 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["tollgate-control"]
CMD ["serve", "--listen", "0.0.0.0:8081"]
