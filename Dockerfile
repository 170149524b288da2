# A small image: the static binary, certificates, and a user without rights. `docker build -t keysift .`, then
#   docker run --rm -v "$PWD:/repo:ro" keysift git
FROM rust:1.91-alpine AS build
# The C of ring.
# hadolint ignore=DL3018
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin keysift

FROM alpine:3.22
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates && adduser -D -H -u 65532 keysift
COPY --from=build /src/target/release/keysift /usr/local/bin/keysift
COPY --from=build /src/LICENSE-MIT /src/LICENSE-APACHE /src/THIRD-PARTY.md /usr/share/doc/keysift/
USER 65532:65532
WORKDIR /repo
ENTRYPOINT ["keysift"]
CMD ["scan", "."]
