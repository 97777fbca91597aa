# syntax=docker/dockerfile:1
# The provider simulator, for trying things out. Build from the repository's root:
#   docker build -f infra/simulator.Dockerfile -t tollgate-simulator .

FROM rust:1.95.0-bookworm AS build
# The image's own compiler, without the tools of rust-toolchain.toml that a build does not need.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release -p tollgate-tests --bin provider-simulator \
    && install -D target/release/provider-simulator /out/provider-simulator

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home tollgate
COPY --from=build /out/provider-simulator /usr/local/bin/
USER 10001:10001
EXPOSE 18080
ENTRYPOINT ["provider-simulator"]
CMD ["--listen", "0.0.0.0:18080"]
