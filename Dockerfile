# The image: the program, the libraries it needs, and nothing else; no shell, no package manager, user 65532.
#
#   docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t hazstream:1.2.3 .
#
# BUILD_IMAGE is what it is compiled in: an exact version and the digest under which Docker Hub's official image of that version is
# pinned by many public projects. A wrong digest cannot pass: whoever pulls it compares.
# The last stage starts from nothing: everything in it comes from the build image, by scripts/image-root.
#
# Tests build all of it, in a Debian of their own with the machine's Rust (tests/kubernetes/image.rs).
ARG BUILD_IMAGE=rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1

FROM ${BUILD_IMAGE} AS compiled
# The distribution's security updates are wanted, so these have no version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ libsasl2-dev libssl-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# First the dependencies alone, with an empty program and whatever else Cargo.toml names: a layer that lives until they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p benches/whole src tests/kubernetes \
    && touch benches/collect.rs benches/decode.rs benches/whole/main.rs src/lib.rs tests/kubernetes/main.rs \
    && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked
# Touched, for the files may be older than the empty program, and cargo goes by their times.
COPY LICENSE LICENSE
COPY config config
COPY scripts/image-root scripts/image-root
COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo build --release --locked \
    && scripts/image-root target/release/hazstream /image

FROM scratch
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="hazstream" \
    org.opencontainers.image.description="Hazard events from Kafka become sliding-window counts and alerts, exactly once" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/hazstream/hazstream" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=compiled /image /
# Where OpenSSL finds the authorities that brokers are trusted by, unless kafka.properties names others.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PATH=/usr/local/bin
USER 65532:65532
EXPOSE 8080
# It commits, leaves the consumer group and ends. The read-only root file system is the runtime's to set; nothing is written.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hazstream"]
CMD ["run"]
