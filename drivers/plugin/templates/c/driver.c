/* A driver that runs: replace what read_register does.
 *
 * The messages are those of plugin.proto; what is read and written of
 * protobuf here is what this driver needs. stdout belongs to the gateway:
 * print to stderr only. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TYPE_UINT = 3, TYPE_DOUBLE = 5, TYPE_TEXT = 6 };
enum { BAD_CONFIGURATION = 37 };
enum { MAX_FRAME = 4 * 1024 * 1024, IN_A_BATCH = 4096 };

/* The device. */
static double read_register(unsigned number) { return (double)number; }

/* r0 to r999: its number, or -1 and where it stops being one. */
static int parse_address(const uint8_t *at, size_t length, size_t *wrong) {
    int number = 0;
    for (*wrong = 0; *wrong < length; ++*wrong) {
        uint8_t c = at[*wrong];
        if (*wrong == 0 ? c != 'r' : (c < '0' || c > '9' || *wrong > 3)) return -1;
        if (*wrong > 0) number = number * 10 + (c - '0');
    }
    return length < 2 ? -1 : number;
}

/* Bytes that grow. */
struct buffer { uint8_t *bytes; size_t length, room; };

static void put(struct buffer *b, const void *bytes, size_t length) {
    if (b->length + length > b->room) {
        b->room = (b->length + length) * 2;
        b->bytes = realloc(b->bytes, b->room);
        if (!b->bytes) exit(70);
    }
    if (length) memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

static void put_varint(struct buffer *b, uint64_t number) {
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n] = number & 0x7F;
        number >>= 7;
        if (number) bytes[n] |= 0x80;
        ++n;
    } while (number);
    put(b, bytes, n);
}

static void put_number(struct buffer *b, int field, uint64_t number) {
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, number);
}

static void put_bytes(struct buffer *b, int field, const void *bytes, size_t length) {
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, length);
    put(b, bytes, length);
}

static void put_text(struct buffer *b, int field, const char *text) {
    put_bytes(b, field, text, strlen(text));
}

static void put_message(struct buffer *b, int field, struct buffer *inner) {
    put_bytes(b, field, inner->bytes, inner->length);
    inner->length = 0;
}

/* Sends a message as field `kind` of ToHost. */
static void send_message(int kind, struct buffer *message) {
    static struct buffer body, frame;
    body.length = frame.length = 0;
    put_message(&body, kind, message);
    put_varint(&frame, body.length);
    put(&frame, body.bytes, body.length);
    for (size_t sent = 0; sent < frame.length;) {
        ssize_t n = write(STDOUT_FILENO, frame.bytes + sent, frame.length - sent);
        if (n <= 0) exit(0); /* the gateway is gone */
        sent += (size_t)n;
    }
}

static void read_exactly(uint8_t *bytes, size_t length) {
    while (length) {
        ssize_t n = read(STDIN_FILENO, bytes, length);
        if (n <= 0) exit(0); /* the gateway is gone */
        bytes += n;
        length -= (size_t)n;
    }
}

/* Part of a message that is being read. */
struct view { const uint8_t *bytes; size_t length; };

static uint64_t take_varint(struct view *v) {
    uint64_t number = 0;
    for (int shift = 0; v->length && shift < 64; shift += 7) {
        uint8_t byte = *v->bytes++;
        --v->length;
        number |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return number;
    }
    exit(65); /* cut off */
}

/* The next field: its number, or 0 at the end. A number is in *number, all
 * else in *inner. */
static int take_field(struct view *v, uint64_t *number, struct view *inner) {
    if (!v->length) return 0;
    uint64_t key = take_varint(v);
    size_t length = 0;
    switch (key & 7) {
    case 0: *number = take_varint(v); return (int)(key >> 3);
    case 1: length = 8; break;
    case 2: length = take_varint(v); break;
    case 5: length = 4; break;
    default: exit(65);
    }
    if (length > v->length) exit(65);
    *inner = (struct view){ v->bytes, length };
    v->bytes += length;
    v->length -= length;
    return (int)(key >> 3);
}

/* The next message of the gateway: its kind, and what is in it. */
static int hear(struct view *message) {
    static uint8_t *bytes;
    uint8_t byte;
    size_t length = 0;
    int shift = 0;
    do {
        read_exactly(&byte, 1);
        length |= (size_t)(byte & 0x7F) << shift;
        shift += 7;
    } while (byte & 0x80 && shift < 28);
    if (length > MAX_FRAME) exit(65);
    if (!bytes && !(bytes = malloc(MAX_FRAME))) exit(70);
    read_exactly(bytes, length);
    struct view all = { bytes, length };
    uint64_t number;
    *message = (struct view){ bytes, 0 };
    return take_field(&all, &number, message);
}

struct tag { uint32_t id, group, type; int number; };

static struct tag *tags;
static size_t tag_count;
static uint64_t credit, sequence;

static void put_error(struct buffer *out, const char *key, size_t key_length, const struct tag *tag,
                      size_t offset, const char *what, const char *hint) {
    static struct buffer error;
    put_bytes(&error, 1, key, key_length);
    if (tag) put_number(&error, 2, tag->id);
    put_number(&error, 3, offset);
    put_number(&error, 4, 1);
    put_text(&error, 5, what);
    put_text(&error, 6, hint);
    put_message(out, 1, &error);
}

static int is(struct view v, const char *text) {
    return v.length == strlen(text) && !memcmp(v.bytes, text, v.length);
}

/* Takes one setting: its key. */
static struct view take_setting(struct view setting) {
    struct view key = { setting.bytes, 0 }, inner = key;
    uint64_t number;
    for (int field; (field = take_field(&setting, &number, &inner));)
        if (field == 1) key = inner;
    return key;
}

static void take_tag(struct view message, struct buffer *errors) {
    struct tag tag = { 0, 0, 0, -1 };
    struct view at = { message.bytes, 0 }, inner = at;
    uint64_t number;
    size_t wrong;
    for (int field; (field = take_field(&message, &number, &inner));) {
        if (field == 1) tag.id = (uint32_t)number;
        if (field == 2) tag.group = (uint32_t)number;
        if (field == 3) at = inner;
        if (field == 4) tag.type = (uint32_t)number;
    }
    tag.number = parse_address(at.bytes, at.length, &wrong);
    if (tag.number < 0) put_error(errors, "at", 2, &tag, wrong, "no register", "r0 to r999");
    tags = realloc(tags, (tag_count + 1) * sizeof *tags);
    if (!tags) exit(70);
    tags[tag_count++] = tag;
}

/* Answers Configure; false: it was refused. */
static int configure(struct view message) {
    struct buffer errors = { 0 };
    struct view inner;
    uint64_t number;
    int host = 0;
    for (int field; (field = take_field(&message, &number, &inner));) {
        if (field == 2) {
            struct view key = take_setting(inner);
            if (is(key, "host")) host = 1;
            else if (!is(key, "unit"))
                put_error(&errors, (const char *)key.bytes, key.length, NULL, 0,
                          "there is no such setting", "host, unit");
        }
        if (field == 4) take_tag(inner, &errors);
        if (field == 5) credit = number;
    }
    if (!host) put_error(&errors, "host", 4, NULL, 0, "this setting is missing", "192.0.2.7");
    int accepted = errors.length == 0;
    send_message(2, &errors);
    free(errors.bytes);
    return accepted;
}

static uint64_t now_zigzag(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000) << 1;
}

/* Sends readings of tags from..to of a group; returns where it stopped. */
static size_t send_batch(uint64_t poll, uint32_t group, size_t from) {
    static struct buffer batch, section, ids, bad_ids, values, qualities;
    size_t room = credit < IN_A_BATCH ? credit : IN_A_BATCH;
    for (; from < tag_count; ++from) {
        const struct tag *tag = &tags[from];
        if (tag->group != group) continue;
        if (room == 0) break;
        --room;
        --credit;
        if (tag->type != TYPE_DOUBLE) {
            put_varint(&bad_ids, tag->id);
            put_varint(&qualities, BAD_CONFIGURATION);
            continue;
        }
        double value = read_register((unsigned)tag->number);
        put_varint(&ids, tag->id);
        put(&values, &value, sizeof value); /* little endian, as protobuf wants it */
    }
    put_number(&batch, 1, ++sequence);
    put_number(&batch, 2, poll);
    put_number(&batch, 3, from == tag_count);
    if (ids.length) {
        put_number(&section, 1, now_zigzag());
        put_message(&section, 3, &ids);
        put_message(&section, 9, &values);
        put_message(&batch, 4, &section);
    }
    if (bad_ids.length) {
        put_number(&section, 1, now_zigzag());
        put_message(&section, 3, &bad_ids);
        put_message(&section, 4, &qualities);
        put_message(&batch, 4, &section);
    }
    send_message(3, &batch);
    batch.length = 0;
    return from;
}

static void take_credit(struct view message) {
    struct view inner;
    uint64_t number;
    for (int field; (field = take_field(&message, &number, &inner));)
        if (field == 2) credit += number;
}

static void answer(struct view message) {
    struct view inner;
    uint64_t number, poll = 0, group = 0;
    for (int field; (field = take_field(&message, &number, &inner));) {
        if (field == 1) poll = number;
        if (field == 2) group = number;
    }
    for (size_t at = 0; (at = send_batch(poll, (uint32_t)group, at)) < tag_count;) {
        /* The gateway polls one group at a time: what comes now is credit, or the end. */
        while (credit == 0) {
            int kind = hear(&message);
            if (kind == 4) take_credit(message);
            if (kind == 8) exit(0);
        }
    }
}

static void pong(struct view message) {
    static struct buffer health;
    struct view inner;
    uint64_t number = 0;
    take_field(&message, &number, &inner);
    put_number(&health, 1, number);
    put_number(&health, 2, 2); /* connected */
    send_message(4, &health);
    health.length = 0;
}

static void put_setting(struct buffer *hello, const char *key, int type, int required,
                        const char *help, const char *example) {
    static struct buffer setting;
    put_text(&setting, 1, key);
    put_number(&setting, 2, (uint64_t)type);
    put_number(&setting, 3, (uint64_t)required);
    put_text(&setting, 4, help);
    put_text(&setting, 5, example);
    put_message(hello, 7, &setting);
}

static void greet(void) {
    struct buffer hello = { 0 }, inner = { 0 };
    put_text(&hello, 1, "forehearth.plugin");
    put_number(&hello, 2, 1);
    put_number(&hello, 3, 1);
    put_text(&hello, 4, "{name}");
    put_text(&hello, 5, "0.1.0");
    put_number(&inner, 1, 1); /* can be polled */
    put_message(&hello, 6, &inner);
    put_setting(&hello, "host", TYPE_TEXT, 1, "Address of the device", "192.0.2.7");
    put_setting(&hello, "unit", TYPE_UINT, 0, "Number of the device on its bus", "1");
    put_text(&inner, 1, "r[0-9]{1,3}");
    put_text(&inner, 2, "r7");
    put_text(&inner, 3, "r0 to r999");
    put_number(&inner, 4, TYPE_DOUBLE);
    put_message(&hello, 8, &inner);
    send_message(1, &hello);
    free(hello.bytes);
    free(inner.bytes);
}

int main(void) {
    greet();
    for (;;) {
        struct view message;
        switch (hear(&message)) {
        case 1: if (!configure(message)) return 0; break;
        case 3: answer(message); break;
        case 4: take_credit(message); break;
        case 7: pong(message); break;
        case 8: return 0;
        default: break; /* start, browse, write: nothing to do */
        }
    }
}
