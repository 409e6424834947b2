/*
 * token_json.c: see token_json.h. A descent by one function for each production; a reader never steps past its
 * end, and what fails stays failed.
 */
#include "org/token_json.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 63 /* characters of a number that is asked for */

/* Where the characters of a string go; nowhere where size is 0. */
typedef struct Sink {
    char *out;
    size_t size;
    size_t used;
    bool fits;
} Sink;

static void
skip_space(CrmJsonReader *reader)
{
    while (reader->at < reader->end && strchr(" \t\n\r", *reader->at) != NULL && *reader->at != '\0')
        reader->at++;
}

/* Space before a mark, then the mark. */
static bool
take(CrmJsonReader *reader, char mark)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != (unsigned char) mark)
        return false;
    reader->at++;
    return true;
}

static bool
comes(const CrmJsonReader *reader, char mark)
{
    CrmJsonReader ahead = *reader;

    return take(&ahead, mark);
}

static void
put(Sink *sink, const void *bytes, size_t count)
{
    if (sink->size == 0)
        return;
    if (sink->used + count >= sink->size) {
        sink->fits = false;
        return;
    }
    memcpy(sink->out + sink->used, bytes, count);
    sink->used += count;
}

static void
put_code_point(Sink *sink, uint32_t c)
{
    unsigned char bytes[4];
    size_t count;

    if (c < 0x80) {
        bytes[0] = (unsigned char) c;
        count = 1;
    } else if (c < 0x800) {
        bytes[0] = (unsigned char) (0xc0 | c >> 6);
        bytes[1] = (unsigned char) (0x80 | (c & 0x3f));
        count = 2;
    } else if (c < 0x10000) {
        bytes[0] = (unsigned char) (0xe0 | c >> 12);
        bytes[1] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        bytes[2] = (unsigned char) (0x80 | (c & 0x3f));
        count = 3;
    } else {
        bytes[0] = (unsigned char) (0xf0 | c >> 18);
        bytes[1] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
        bytes[2] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        bytes[3] = (unsigned char) (0x80 | (c & 0x3f));
        count = 4;
    }
    put(sink, bytes, count);
}

/* Length of the UTF-8 sequence that stands there, 0 where it is none: too long a form, a surrogate, cut off. */
static size_t
sequence_length(const unsigned char *at, const unsigned char *end)
{
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;

    if (length > (size_t) (end - at))
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

static bool
read_hex4(CrmJsonReader *reader, uint32_t *value)
{
    if (reader->end - reader->at < 4)
        return false;
    *value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = *reader->at++;
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint32_t) (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t) ((c | 0x20) - 'a' + 10);
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

/* After \u. A pair of surrogates is one character; one alone, and NUL, are none. */
static bool
read_code_point(CrmJsonReader *reader, Sink *sink)
{
    uint32_t high, low;

    if (!read_hex4(reader, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    if (high >= 0xd800 && high <= 0xdbff) {
        if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u')
            return false;
        reader->at += 2;
        if (!read_hex4(reader, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    put_code_point(sink, high);
    return true;
}

static bool
read_escape(CrmJsonReader *reader, Sink *sink)
{
    static const char marks[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *mark;
    unsigned char c;

    if (reader->at == reader->end)
        return false;
    c = *reader->at++;
    if (c == 'u')
        return read_code_point(reader, sink);
    mark = c == '\0' ? NULL : strchr(marks, c);
    if (mark == NULL)
        return false;
    put(sink, &meanings[mark - marks], 1);
    return true;
}

static bool
read_string(CrmJsonReader *reader, Sink *sink)
{
    if (!take(reader, '"'))
        return false;
    while (reader->at < reader->end) {
        size_t length;

        if (*reader->at == '"') {
            reader->at++;
            if (sink->size > 0)
                sink->out[sink->used] = '\0';
            return true;
        }
        if (*reader->at == '\\') {
            reader->at++;
            if (!read_escape(reader, sink))
                return false;
            continue;
        }
        length = *reader->at < 0x20 ? 0 : sequence_length(reader->at, reader->end);
        if (length == 0)
            return false;
        put(sink, reader->at, length);
        reader->at += length;
    }
    return false;
}

static bool
skip_digits(CrmJsonReader *reader)
{
    const unsigned char *start = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at > start;
}

static bool
skip_number(CrmJsonReader *reader)
{
    skip_space(reader);
    if (reader->at < reader->end && *reader->at == '-')
        reader->at++;
    if (reader->at < reader->end && *reader->at == '0')
        reader->at++; /* no digit may follow: what follows is then no mark that may */
    else if (!skip_digits(reader))
        return false;
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        if (!skip_digits(reader))
            return false;
    }
    if (reader->at < reader->end && (*reader->at | 0x20) == 'e') {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        return skip_digits(reader);
    }
    return true;
}

static bool
skip_word(CrmJsonReader *reader, const char *word)
{
    size_t length = strlen(word);

    skip_space(reader);
    if ((size_t) (reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

/* Members or elements, after the opening mark and up to the closing one. */
static bool
read_members(CrmJsonReader *reader, bool named, char closing, CrmJsonMember member, void *target)
{
    if (comes(reader, closing))
        return take(reader, closing);
    do {
        char name[CRM_JSON_NAME_MAX + 1] = "";
        Sink sink = {name, sizeof name, 0, true};

        if (named && (!read_string(reader, &sink) || !take(reader, ':')))
            return false;
        if (!member(reader, sink.fits ? name : "", target))
            return false;
    } while (take(reader, ','));
    return take(reader, closing);
}

static bool
skip_member(CrmJsonReader *reader, const char *name, void *target)
{
    (void) name;
    (void) target;
    return crm_json_skip(reader);
}

static bool
descend(CrmJsonReader *reader, char opening, CrmJsonMember member, void *target)
{
    bool good;

    if (reader->depth >= CRM_JSON_DEPTH || !take(reader, opening))
        return false;
    reader->depth++;
    good = read_members(reader, opening == '{', opening == '{' ? '}' : ']', member, target);
    reader->depth--;
    return good;
}

bool
crm_json_skip(CrmJsonReader *reader)
{
    Sink nowhere = {NULL, 0, 0, true};

    skip_space(reader);
    if (reader->at == reader->end)
        return false;
    switch (*reader->at) {
    case '{':
        return descend(reader, '{', skip_member, NULL);
    case '[':
        return descend(reader, '[', skip_member, NULL);
    case '"':
        return read_string(reader, &nowhere);
    case 't':
        return skip_word(reader, "true");
    case 'f':
        return skip_word(reader, "false");
    case 'n':
        return skip_word(reader, "null");
    default:
        return skip_number(reader);
    }
}

bool
crm_json_string(CrmJsonReader *reader, char *out, size_t size)
{
    Sink sink = {out, size, 0, true};

    return read_string(reader, &sink) && sink.fits;
}

bool
crm_json_number(CrmJsonReader *reader, double minimum, double maximum, double *out)
{
    char digits[NUMBER_MAX + 1];
    const unsigned char *start;
    size_t length;

    skip_space(reader);
    start = reader->at;
    if (!skip_number(reader))
        return false;
    length = (size_t) (reader->at - start);
    if (length > NUMBER_MAX)
        return false;
    memcpy(digits, start, length);
    digits[length] = '\0';
    *out = strtod(digits, NULL);
    return *out >= minimum && *out <= maximum;
}

bool
crm_json_is_array(const CrmJsonReader *reader)
{
    return comes(reader, '[');
}

bool
crm_json_array(CrmJsonReader *reader, CrmJsonMember element, void *target)
{
    return descend(reader, '[', element, target);
}

bool
crm_json_object(const void *text, size_t length, CrmJsonMember member, void *target)
{
    CrmJsonReader reader = {text, (const unsigned char *) text + length, 0};

    if (!descend(&reader, '{', member, target))
        return false;
    skip_space(&reader);
    return reader.at == reader.end;
}
