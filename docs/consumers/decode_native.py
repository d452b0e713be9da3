"""Forehearth's native batches: `decode(message)`, or `python3 decode_native.py FILE...`; batch.proto describes each byte. Compressed ones
need Python 3.14 or `pip install zstandard`, those of version 2 what `learn` makes of messages under …/baseline/+ (files *.baseline)."""
import hashlib, struct, sys
def varint(b, i):  # (number, next place)
    return (b[i], i + 1) if b[i] < 128 else ((rest := varint(b, i + 1))[0] << 7 | b[i] & 127, rest[1])
def varints(b):
    i = 0
    while i < len(b): v, i = varint(b, i); yield v
def signed(z): return (z >> 1) ^ -(z & 1)
def fields(b):  # a protobuf message as {number: [values]}
    i, out = 0, {}
    while i < len(b):
        key, i = varint(b, i); n, i = {1: (8, i), 5: (4, i)}.get(key & 7) or varint(b, i)
        if key & 7: n, i = b[i:i + n], i + n
        out.setdefault(key >> 3, []).append(n)
    return out
def crc32c(b, c=0xFFFFFFFF):
    for bit in (x >> n & 1 for x in b for n in range(8)): c = c >> 1 ^ 0x82F63B78 * (c & 1 ^ bit)
    return c ^ 0xFFFFFFFF
def unzstd(b):
    try: from compression import zstd
    except ImportError: import zstandard as zstd
    return zstd.decompress(b)
def column(b, base, scans):  # numbers in blocks of at most 128, the first scan apart
    i, out, width = 0, [], len(base)
    for n in (min(128, part - k) for part in (width, width * (scans - 1)) for k in range(0, part, 128)):
        w, i = b[i], i + 1
        if w == 128:
            for _ in range(n): v, i = varint(b, i); out.append(signed(v))
        else:
            low, i = varint(b, i); end = i + (n * w + 7) // 8; bits, i = int.from_bytes(b[i:end], "little"), end
            out += [signed(low) + (bits >> k * w & (1 << w) - 1) for k in range(n)]
    for k in range(len(out)): out[k] += out[k - width] if k >= width else base[k]
    return iter([x & 0xFFFFFFFFFFFFFFFF for x in out])
F32, F64 = (lambda x: struct.unpack("<f", struct.pack("<I", x & 0xFFFFFFFF))[0]), (lambda x: struct.unpack("<d", struct.pack("<Q", x))[0])
READ = [(0, None), (6, bool), (7, lambda x: x - (x >> 63 << 64)), (7, int), (8, F32), (9, F64), (10, bytes.decode)]
def section(f, base, known):  # [(stamp, device, tag, quality, column, type, number)] for each scan
    stamps, tags, at, ranges = list(varints(f[2][0])), [], 0, varints(f[3][0])
    for r in ranges: first, n = at + signed(r >> 1), next(ranges) if r & 1 else 1; at = first + n; tags += range(first, at)
    kinds = [READ[k & 7] for k in varints(f[4][0]) for _ in range(k >> 3)]
    quality = iter([q & 255 for q in varints(f.get(5, [b""])[0]) for _ in range(q >> 8)])
    start = {n: [known.get((t, n), 0) for t, k in zip(tags, kinds) if k[0] == n] for n in range(6, 10)}
    cells = {n: column(f[n][0], start[n], len(stamps)) for n in start if n in f} | {10: iter(f.get(10, []))}
    for s in stamps: base += signed(s); yield [(base, f.get(1, [0])[0], t, next(quality, 0), n, read, next(cells[n]) if n else None) for t, (n, read) in zip(tags, kinds)]
def rows(message, baselines):  # (gateway, epoch, number), rows of its sections
    m = fields(message); plain, body = m.get(3, [0])[0], m[4][0]
    assert m[1][0] in (1, 2) and crc32c(struct.pack("<I", plain) + body) == int.from_bytes(m[2][0], "little"), "damaged or too new"
    c = fields(unzstd(body) if plain else body); known = baselines[c[12][0]] if 12 in c else {}  # KeyError: its baseline is still to come
    scans = [list(section(fields(s), signed(c.get(8, [0])[0]), known)) for s in c[9]]
    order, scans = varints(c[10][0]) if 10 in c else [i for i, s in enumerate(scans) for _ in s], list(map(iter, scans))
    return (c[1][0].decode(), c.get(2, [0])[0], c.get(3, [0])[0]), [r for i in order for r in next(scans[i])]
def learn(message):  # {name: numbers}, to be added to the baselines
    return {hashlib.sha256(message).digest()[7::-1]: {(t, n): x for _, _, t, _, n, _, x in rows(message, {})[1]}}
def decode(message, baselines={}):  # (gateway, epoch, number), [(stamp, device, tag, quality, raw value)]
    return (found := rows(message, baselines))[0], [(s, d, t, q, read(x) if n else None) for s, d, t, q, n, read, x in found[1]]
baselines = {}
for path in sys.argv[1:] if __name__ == "__main__" else []:
    message = open(path, "rb").read()
    if path.endswith(".baseline"): baselines |= learn(message)
    else: batch, readings = decode(message, baselines); [print("%s/%d/%d" % batch, *r) for r in readings]
