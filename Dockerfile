# SPDX-License-Identifier: Apache-2.0
# fendmail as a sidecar of a mail server:
#   docker build -t fendmail .
#   docker run -p 25:2525 -v fendmail:/var/lib/fendmail \
#     -v ./fendmail.toml:/etc/fendmail/fendmail.toml:ro fendmail
# On Debian 12: --build-arg DEBIAN=bookworm
ARG DEBIAN=trixie
FROM debian:${DEBIAN}-slim AS builder
WORKDIR /src
COPY scripts/install-packages scripts/
RUN scripts/install-packages build
COPY . .
RUN cmake --preset image \
    && cmake --build --preset image --target fendmail \
    && strip build/image/fendmail

FROM debian:${DEBIAN}-slim
COPY scripts/install-packages /tmp/
RUN /tmp/install-packages runtime \
    && rm -rf /tmp/install-packages /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && useradd --uid 10025 --user-group --no-create-home --shell /usr/sbin/nologin fendmail \
    && install -d -o fendmail -g fendmail -m 0750 /var/lib/fendmail
COPY --from=builder /src/build/image/fendmail /usr/local/bin/fendmail
COPY config/container.toml /etc/fendmail/fendmail.toml
# A number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10025:10025
VOLUME /var/lib/fendmail
EXPOSE 2525
# SIGTERM stops accepting and lets sessions finish.
STOPSIGNAL SIGTERM
# podman keeps this only in Docker's format: podman build --format docker
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["fendmail", "healthcheck", "-c", "/etc/fendmail/fendmail.toml"]
ENTRYPOINT ["fendmail"]
CMD ["run", "-c", "/etc/fendmail/fendmail.toml"]
