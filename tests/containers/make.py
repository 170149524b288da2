"""Makes containers of every kind with the tools that people make them with, each with a token in a known place.

usage: make.py FOLDER TOKENS — writes the containers to FOLDER and tells on stdout, a JSON object a line, which token stands
where: {"file", "container", "line", "token", "decoded"}. What cannot be made for want of a tool is told as {"missing": tool}.

usage: make.py FOLDER TOKENS --damaged — writes containers with the first token in front and filler behind it, which are cut off
in the filler or have a bit flipped there.
"""

import base64, bz2, gzip, io, json, lzma, os, quopri, random, shutil, struct, subprocess, sys, tarfile, tempfile, zipfile, zlib

folder, tokens = sys.argv[1], iter(open(sys.argv[2]).read().split())
missing = set()


class NoTool(Exception):
    pass


def run(command, data=b"", cwd=None):
    if shutil.which(command[0]) is None:
        raise NoTool(command[0])
    done = subprocess.run(command, input=data, capture_output=True, cwd=cwd)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr.decode()}{done.stdout.decode()}")
    return done.stdout


def in_folder(command, name, data, out):
    """Runs `command` in a folder with the one file `name`; gives the file `out` that it makes."""
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "in", name)
        os.makedirs(os.path.dirname(path))
        open(path, "wb").write(data)
        result = run(command, cwd=os.path.join(place, "in"), data=(name + "\n").encode())
        return open(os.path.join(place, "in", out), "rb").read() if out else result


# Archives: name and bytes of a member to bytes.


def zipped(method=zipfile.ZIP_DEFLATED, large=False, streamed=False, comment=b""):
    def make(name, data):
        out = io.BytesIO()
        target = out
        if streamed:
            class Stream(io.RawIOBase):
                def writable(self):
                    return True

                def write(self, b):
                    return out.write(bytes(b))

            target = Stream()
        with zipfile.ZipFile(target, "w", method) as z:
            z.writestr("first.txt", "nothing here\n" * 50)
            with z.open(zipfile.ZipInfo(name) if method == zipfile.ZIP_STORED else name, "w", force_zip64=large) as f:
                f.write(data)
            z.comment = comment
        return out.getvalue()

    return make


def seven(*switches, kind="7z"):
    def make(name, data):
        return in_folder(["7z", "a", "-bd", f"-t{kind}", *switches, "out." + kind, name], name, data, "out." + kind)

    return make


def tarred(form):
    def make(name, data):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as t:
            for n, d in [("folder/first.txt", b"nothing\n"), (name, data), ("last.txt", b"nothing\n")]:
                info = tarfile.TarInfo(n)
                info.size = len(d)
                t.addfile(info, io.BytesIO(d))
        return out.getvalue()

    return make


def v7(name, data):
    head = bytearray(512)
    head[: len(name)] = name.encode()
    for at, text in [(100, b"0000644\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, b"%011o\0" % len(data)), (136, b"0" * 11)]:
        head[at : at + len(text)] = text
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512) + bytes(1024)


def base256(name, data):
    head = bytearray(v7(name, data)[:512])
    head[124:136] = b"\x80" + len(data).to_bytes(11, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512) + bytes(1024)


def ar(name, data):
    def entry(n, d):
        return b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (n.encode(), 0, 0, 0, b"100644", len(d)) + d + b"\n" * (len(d) % 2)

    long = name.encode() + b"/\n"
    return b"!<arch>\n" + entry("debian-binary", b"2.0\n") + entry("//", long) + entry("/0", data)


def cpio(form):
    return lambda name, data: in_folder(["cpio", "-o", "-H", form, "--quiet"], name, data, None)


def rpm(name, data):
    if shutil.which("rpmbuild") is None:
        raise NoTool("rpmbuild")
    with tempfile.TemporaryDirectory() as place:
        open(os.path.join(place, "payload"), "wb").write(data)
        spec = f"""Name: made
Version: 1
Release: 1
Summary: x
License: none
BuildArch: noarch
%description
x
%install
mkdir -p %{{buildroot}}/opt/$(dirname {name})
cp {place}/payload %{{buildroot}}/opt/{name}
%files
/opt/{name}
"""
        open(os.path.join(place, "made.spec"), "w").write(spec)
        run(["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {place}", "--define", "__os_install_post %{nil}", os.path.join(place, "made.spec")])
        return open(os.path.join(place, "RPMS", "noarch", "made-1-1.noarch.rpm"), "rb").read()


def asar(name, data):
    first = b"nothing\n"
    tree = {"files": {"first.txt": {"size": len(first), "offset": "0"}}}
    node = tree["files"]
    *folders, last = name.split("/")
    for part in folders:
        node = node.setdefault(part, {"files": {}})["files"]
    node[last] = {"size": len(data), "offset": str(len(first))}
    text = json.dumps(tree, separators=(",", ":")).encode()
    padded = text + bytes(-len(text) % 4)
    return struct.pack("<IIII", 4, len(padded) + 8, len(padded) + 4, len(text)) + padded + first + data


ARCHIVES = {
    "stored.zip": zipped(zipfile.ZIP_STORED),
    "deflate.zip": zipped(),
    "bzip2.zip": zipped(zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(zipfile.ZIP_LZMA),
    "deflate64.zip": seven("-mm=Deflate64", kind="zip"),
    "large.zip": zipped(large=True),
    "streamed.zip": zipped(streamed=True),
    "commented.zip": zipped(comment=b"a comment"),
    "ustar.tar": tarred(tarfile.USTAR_FORMAT),
    "gnu.tar": tarred(tarfile.GNU_FORMAT),
    "pax.tar": tarred(tarfile.PAX_FORMAT),
    "v7.tar": v7,
    "base256.tar": base256,
    "lzma2.7z": seven(),
    "lzma.7z": seven("-m0=lzma"),
    "bzip2.7z": seven("-m0=bzip2"),
    "deflate.7z": seven("-m0=deflate"),
    "copy.7z": seven("-m0=copy"),
    "filtered.7z": seven("-m0=bcj", "-m1=lzma2"),
    "delta.7z": seven("-m0=delta:4", "-m1=lzma"),
    "plain-header.7z": seven("-mhc=off"),
    "ppmd.7z": seven("-m0=ppmd:mem=4m"),
    "bcj2.7z": seven("-m0=bcj2", "-m1=lzma:d=1m", "-m2=lzma:d=512k", "-m3=lzma:d=512k", "-mb0:1", "-mb0s1:2", "-mb0s2:3"),
    "archive.ar": ar,
    "newc.cpio": cpio("newc"),
    "crc.cpio": cpio("crc"),
    "odc.cpio": cpio("odc"),
    "package.rpm": rpm,
    "app.asar": asar,
    "extension.crx": lambda n, d: b"Cr24\x03\0\0\0\x04\0\0\0abcd" + zipped()(n, d),
    "program.sh": lambda n, d: b"#!/bin/sh\nexec java -jar \"$0\"\n" + zipped()(n, d),
    "program.exe": lambda n, d: b"MZ\x90\0" + bytes(300) + b"code" * 100 + zipped(comment=b"more")(n, d),
}

# Compressed streams: bytes to bytes.
STREAMS = {
    "gz": lambda d: gzip.compress(d, mtime=0),
    "zlib": lambda d: zlib.compress(d),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda d: lzma.compress(d, format=lzma.FORMAT_ALONE),
    "zst": lambda d: run(["zstd", "-q", "-c"], d),
    "lz4": lambda d: run(["lz4", "-q", "-c"], d),
    "lz": lambda d: run(["lzip", "-c"], d),
}
# The same in other shapes; not in all positions.
MORE_STREAMS = {
    "named.gz": lambda d: b"\x1f\x8b\x08\x08" + bytes(6) + b"a name\0" + gzip.compress(d, mtime=0)[10:],
    "parts.gz": lambda d: b"".join(gzip.compress(d[i : i + 7]) for i in range(0, len(d), 7)),
    "parts.bz2": lambda d: bz2.compress(d[:9]) + bz2.compress(d[9:]),
    "parts.xz": lambda d: lzma.compress(d[:9]) + bytes(8) + lzma.compress(d[9:]),
    "sha256.xz": lambda d: lzma.compress(d, check=lzma.CHECK_SHA256),
    "blocks.xz": lambda d: run(["xz", "-c", "--block-size=64"], d),
    "filtered.xz": lambda d: run(["xz", "-c", "--x86", "--lzma2"], d),
    "best.xz": lambda d: run(["xz", "-9e", "-c"], d),
    "parts.zst": lambda d: run(["zstd", "-q", "-c"], d[:9]) + b"\x50\x2a\x4d\x18\x03\0\0\0abc" + run(["zstd", "-q", "-c"], d[9:]),
    "best.zst": lambda d: run(["zstd", "-q", "-19", "-c"], d),
    "long.zst": lambda d: run(["zstd", "-q", "--long=25", "-c"], d),
    "parts.lz4": lambda d: run(["lz4", "-q", "-c"], d[:9]) + run(["lz4", "-q", "-c"], d[9:]),
    "linked.lz4": lambda d: run(["lz4", "-q", "-BD", "-B4", "-BX", "-9", "-c"], d),
    "old.lz4": lambda d: run(["lz4", "-q", "-l", "-c"], d),
}


def text(line=3, filler=0):
    token = next(tokens)
    return token, ("ordinary text\n" * (line - 1 + filler) + f'token = "{token}"\nmore text\n').encode()


# Encodings: how a line of text with a token is written, and the way back that is told.


def hidden(token):
    return f'user = "bob"; token = "{token}"; end = 1'


def each(form):
    return lambda token: "t = '" + "".join(form % b for b in hidden(token).encode()) + "'"


def b64(data):
    return base64.b64encode(data).decode()


def wrapped(token):
    lines = base64.encodebytes((hidden(token) + "; and = 'more of it, so that there are some lines'").encode()).decode().split()
    return "\n".join(["  " + line for line in lines])


def quoted(token):
    # The encoder cuts the line within the token.
    return quopri.encodestring(("w" * 50 + f" = {token} = 1").encode()).decode()


ENCODINGS = [
    (lambda t: hidden(t), []),
    (lambda t: "data: " + b64(hidden(t).encode()), ["base64"]),
    (lambda t: "state=" + base64.urlsafe_b64encode(hidden(t).encode()).decode().rstrip("="), ["base64"]),
    (wrapped, ["base64"]),
    (lambda t: "blob = " + hidden(t).encode().hex(), ["hex"]),
    (each("\\u%04x"), ["escapes"]),
    (each("\\U%08x"), ["escapes"]),
    (each("\\x%02x"), ["escapes"]),
    (each("\\x{%x}"), ["escapes"]),
    (each("\\%03o"), ["escapes"]),
    (each("%%%02X"), ["percent"]),
    (each("%%u%04X"), ["percent"]),
    (each("&#%d;"), ["html"]),
    (each("&#x%x;"), ["html"]),
    (quoted, ["quoted-printable"]),
    (lambda t: f't = "{t[:13]}" + "{t[13:]}";', ["concatenation"]),
    (lambda t: f"$t = '{t[:13]}' . '{t[13:]}';", ["concatenation"]),
    (lambda t: f't="{t[:13]}\\\n{t[13:]}"', ["escapes"]),
    (lambda t: "release: " + b64(gzip.compress(hidden(t).encode(), mtime=0)), ["base64", "gzip"]),
    (lambda t: "release: " + b64(zlib.compress(hidden(t).encode())), ["base64", "zlib"]),
    (lambda t: "release: " + b64(run(["zstd", "-q", "-c"], hidden(t).encode())), ["base64", "zstd"]),
    (lambda t: "release: " + gzip.compress(hidden(t).encode(), mtime=0).hex(), ["hex", "gzip"]),
    (lambda t: "release: " + b64(b64(gzip.compress(hidden(t).encode(), mtime=0)).encode()), ["base64", "base64", "gzip"]),
    (lambda t: "powershell -enc " + b64(hidden(t).encode("utf-16-le")), ["base64", "utf-16"]),
    (lambda t: "text = " + b64(hidden(t).encode("utf-16-be")), ["base64", "utf-16"]),
    (lambda t: "text = " + b64(b"\xff\xfe" + hidden(t).encode("utf-16-le")), ["base64", "utf-16"]),
    (lambda t: "u=" + b64(each("%%%02X")(t).encode()), ["base64", "percent"]),
]


def encoded_text():
    """A text with a token behind each encoding: for each its line, itself, and the way."""
    lines, told = [], []
    for encode, way in ENCODINGS:
        token = next(tokens)
        lines += ["ordinary text that stands between what is encoded, for a line of it"] * 16
        written = encode(token)
        told.append((len(lines) + 1, token, way))
        lines += written.split("\n")
    return "\n".join(lines) + "\n", told


def put_encoded(file, data, container, told):
    put_file(file, data)
    for line, token, way in told:
        print(json.dumps({"file": file, "container": container, "line": line, "token": token, "decoded": way}))


def put_file(file, data):
    path = os.path.join(folder, file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "wb").write(data)


def put(file, data, container, line, token):
    put_file(file, data)
    print(json.dumps({"file": file, "container": container, "line": line, "token": token}))


def case(make):
    try:
        make()
    except NoTool as tool:
        missing.add(str(tool))


def inner_name(kind, name):
    return "opt/" + name if kind == "package.rpm" else name


def alone(kind, make):
    token, data = text()
    name = "conf/a long directory name/settings.env" if kind != "package.rpm" else "conf/settings.env"
    put(f"alone/{kind}", make(name, data), [inner_name(kind, name)], 3, token)


def stream_alone(kind, make, filler=0):
    token, data = text(filler=filler)
    put(f"alone/x.env.{kind}" if not filler else f"large/x.env.{kind}", make(data), ["x.env" + ("." + kind.split(".")[0] if "." in kind else "")], 3 + filler, token)


def damaged():
    random.seed(7)
    token = next(tokens)
    filler = "".join("%016x\n" % random.getrandbits(64) for _ in range(120_000))
    body = f'one\ntwo\ntoken = "{token}"\n{filler}'.encode()
    makers = {kind: lambda make=make: make("settings.env", body) for kind, make in ARCHIVES.items()}
    # Streams in parts have their token in more than one of them.
    whole = {kind: pack for kind, pack in {**STREAMS, **MORE_STREAMS}.items() if "parts" not in kind and "blocks" not in kind}
    makers.update({f"{kind} stream": lambda pack=pack: pack(body) for kind, pack in whole.items()})
    os.makedirs(folder)
    for kind, make in makers.items():
        try:
            data = make()
        except NoTool:
            continue
        for part in (50, 75, 95):
            at = len(data) * part // 100
            flipped = bytearray(data)
            flipped[at] ^= 0x10
            open(os.path.join(folder, f"{kind} cut at {part}"), "wb").write(data[:at])
            open(os.path.join(folder, f"{kind} flipped at {part}"), "wb").write(flipped)


if "--damaged" in sys.argv:
    damaged()
    raise SystemExit

for kind, make in ARCHIVES.items():
    case(lambda: alone(kind, make))
for kind, make in {**STREAMS, **MORE_STREAMS}.items():
    case(lambda: stream_alone(kind, make))
for kind, make in STREAMS.items():
    # More than one chunk of what is read at a time.
    case(lambda: stream_alone(kind, make, filler=800_000))

# Each archive in each position: in others, compressed, and around others.
for kind, make in ARCHIVES.items():
    for outer in ["deflate.zip", "gnu.tar", "lzma2.7z", "archive.ar", "newc.cpio", "app.asar"]:

        def within():
            token, data = text()
            inner = make("settings.env", data)
            put(f"within/{outer}/{kind}", ARCHIVES[outer]("in/" + kind, inner), ["in/" + kind, inner_name(kind, "settings.env")], 3, token)

        case(within)
    for stream, pack in STREAMS.items():

        def packed():
            token, data = text()
            put(f"packed/{kind}.{stream}", pack(make("settings.env", data)), [inner_name(kind, "settings.env")], 3, token)

        case(packed)

        def around():
            token, data = text()
            name = inner_name(kind, f"x.env.{stream}")
            put(f"around/{stream}/{kind}", make(f"x.env.{stream}", pack(data)), [name, "x.env"], 3, token)

        case(around)


def chain():
    """As deep as it goes."""
    token, data = text()
    names = []
    kinds = ["deflate.zip", "gnu.tar", "lzma2.7z", "pax.tar", "deflate.zip", "archive.ar", "newc.cpio"]
    name = "settings.env"
    for kind in kinds:
        data = ARCHIVES[kind](name, data)
        names.insert(0, name)
        name = kind
    put("deep/chain.zip", ARCHIVES["deflate.zip"](name, data), [name, *names], 3, token)


case(chain)


def sparse():
    """GNU tar's sparse files, old and new."""
    for form, more in [("gnu", []), ("pax", ["--sparse-version=1.0"])]:
        with tempfile.TemporaryDirectory() as place:
            token, data = text()
            with open(os.path.join(place, "sparse.env"), "wb") as f:
                f.write(data)
                f.seek(1 << 20)
                f.write(b"end\n")
            run(["tar", "-C", place, "-S", f"--format={form}", *more, "-cf", os.path.join(place, "out.tar"), "sparse.env"])
            put(f"sparse/{form}.tar", open(os.path.join(place, "out.tar"), "rb").read(), ["sparse.env"], 3, token)


case(sparse)


def layer(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def images():
    """A docker-save archive, an OCI archive and an OCI folder: history, environment, and a file that a later layer deletes."""
    import hashlib

    for form in ["docker", "oci"]:
        secret, data = text()
        env, history = next(tokens), next(tokens)
        layers = [layer({"app/.env": data}), layer({"app/.wh..env": b""})]
        config = json.dumps(
            {
                "architecture": "amd64",
                "config": {"Env": ["PATH=/bin", f"API_TOKEN={env}"], "Labels": {"a": "b"}},
                "history": [{"created_by": f"RUN /bin/sh -c curl -H 'Authorization: token {history}' https://x"}],
                "rootfs": {"type": "layers"},
            }
        ).encode()
        digest = lambda b: hashlib.sha256(b).hexdigest()
        if form == "docker":
            names = [f"{digest(l)}/layer.tar" for l in layers]
            files = {**dict(zip(names, layers)), f"{digest(config)}.json": config}
            files["manifest.json"] = json.dumps([{"Config": f"{digest(config)}.json", "RepoTags": ["a:b"], "Layers": names}]).encode()
            put("image/docker.tar", layer(files), [names[0], "app/.env"], 3, secret)
            where = "image/docker.tar"
        else:
            packed = [gzip.compress(layers[0], mtime=0), STREAMS["zst"](layers[1])]
            files = {f"blobs/sha256/{digest(b)}": b for b in [*packed, config]}
            files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
            first = f"blobs/sha256/{digest(packed[0])}"
            put("image/oci.tar", layer(files), [first, "app/.env"], 3, secret)
            where = "image/oci.tar"
            for name, content in files.items():
                path = os.path.join(folder, "image/oci", name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                open(path, "wb").write(content)
            print(json.dumps({"file": f"image/oci/{first}", "container": ["app/.env"], "line": 3, "token": secret}))
        config_name = f"{digest(config)}.json" if form == "docker" else f"blobs/sha256/{digest(config)}"
        for token in [env, history]:
            print(json.dumps({"file": where, "container": [config_name], "line": 1, "token": token}))


case(images)


def encodings():
    """Each encoding in each archive and stream, and in archives in others."""
    for kind, make in ARCHIVES.items():
        name = inner_name(kind, "conf/notes.txt")

        def alone_encoded():
            data, told = encoded_text()
            put_encoded(f"encoded/{kind}", make("conf/notes.txt", data.encode()), [name], told)

        case(alone_encoded)
        for outer in ["deflate.zip", "gnu.tar", "lzma2.7z"]:

            def within():
                data, told = encoded_text()
                inner = make("conf/notes.txt", data.encode())
                put_encoded(f"encoded/in/{outer}/{kind}", ARCHIVES[outer]("in/" + kind, inner), ["in/" + kind, name], told)

            case(within)
    for stream, pack in STREAMS.items():

        def packed():
            data, told = encoded_text()
            put_encoded(f"encoded/notes.txt.{stream}", pack(data.encode()), ["notes.txt"], told)

        case(packed)

        def tar_in_stream():
            data, told = encoded_text()
            inner = ARCHIVES["pax.tar"]("notes.txt", data.encode())
            put_encoded(f"encoded/all.tar.{stream}", pack(inner), ["notes.txt"], told)

        case(tar_in_stream)
    for charset in ["utf-16", "utf-16-be", "utf-32"]:
        data, told = encoded_text()
        put_encoded(f"encoded/{charset}.zip", ARCHIVES["deflate.zip"]("notes.txt", data.encode(charset)), ["notes.txt"], told)
    data, told = encoded_text()
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": data.splitlines(True)}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    put_encoded("encoded/book.ipynb", json.dumps(book).encode(), ["cell 1"], told)
    data, told = encoded_text()
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"], mail["Subject"] = "a@example.org", "notes"
    mail.set_content("see there")
    mail.add_attachment(data.encode(), maintype="application", subtype="octet-stream", filename="notes.txt")
    put_encoded("encoded/mail.eml", mail.as_bytes(), ["attachment notes.txt"], told)


case(encodings)


def not_named():
    """What the central directory does not name, what overlaps, and what stands around members."""
    one, two, three = text(), text(), text()
    whole = zipped()("shown.env", one[1])
    other = zipped(zipfile.ZIP_STORED)("hidden.env", two[1])
    # Only the local headers of the second archive, in front of the first.
    local = other[: other.index(b"PK\x01\x02")]
    put("odd/hidden.zip", local + whole, ["hidden.env"], 3, two[0])
    print(json.dumps({"file": "odd/hidden.zip", "container": ["shown.env"], "line": 3, "token": one[0]}))
    data = zipped(comment=three[1])("shown.txt", b"nothing")
    put("odd/comment.zip", data, [], 0, three[0])


case(not_named)
for tool in sorted(missing):
    print(json.dumps({"missing": tool}))
