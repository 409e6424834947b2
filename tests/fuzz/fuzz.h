/*
 * fuzz.h: what the targets share: numbers and texts taken from the input, and what is asserted of what comes out.
 *
 * A target is a file NAME.c with TARGET(NAME). All are one program, which looks at the name that it is called by. CHECK holds in every build;
 * texts are copied to memory of just their size, so that the address sanitizer sees a read beyond the end.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                   \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#define TARGET(name)                                                                                         \
    void fuzz_##name(const uint8_t *data, size_t size);                                                      \
    void fuzz_##name(const uint8_t *data, size_t size)

/* What is left of the input. */
struct Input {
    const uint8_t *data;
    size_t size;
};

static inline uint64_t
take_number(struct Input *input, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes && input->size > 0; i++, input->data++, input->size--)
        number |= (uint64_t) *input->data << (8 * i);
    return number;
}

/* At most so many bytes, up to the first byte of 0, which is taken too; to be freed. Ends in NUL, which length does not count. */
static inline char *
take_text(struct Input *input, size_t most, size_t *length)
{
    const uint8_t *end = memchr(input->data, 0, input->size);
    size_t taken = end == NULL ? input->size : (size_t) (end - input->data);
    char *copy;

    if (taken > most)
        taken = most;
    copy = malloc(taken + 1);
    CHECK(copy != NULL);
    memcpy(copy, input->data, taken);
    copy[taken] = '\0';
    if (length != NULL)
        *length = taken;
    input->data += taken;
    input->size -= taken;
    if (input->size > 0 && input->data[0] == 0) {
        input->data++;
        input->size--;
    }
    return copy;
}

/* All bytes, in memory of just their size (one, where there are none); to be freed. */
static inline char *
copy_bytes(const void *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    CHECK(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

/* Bytes of the character at text, 0 where these are none of UTF-8. */
static inline size_t
character_length(const unsigned char *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xC0 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    uint32_t c = length < 2 ? text[0] : text[0] & (0x7Fu >> length);

    if (length == 0 || length > left || text[0] >= 0xF8)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3F);
    }
    return length > 1 && (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) ? 0 : length;
}

static inline bool
is_utf8(const void *text, size_t length)
{
    const unsigned char *at = text;

    for (size_t i = 0, step; i < length; i += step)
        if ((step = character_length(at + i, length - i)) == 0)
            return false;
    return true;
}

static inline bool
has_control(const void *text, size_t length)
{
    const unsigned char *at = text;

    for (size_t i = 0; i < length; i++)
        if (at[i] < ' ' || at[i] == 0x7F)
            return true;
    return false;
}

static inline bool
is_plain_ascii(const void *text, size_t length)
{
    const unsigned char *at = text;

    for (size_t i = 0; i < length; i++)
        if (at[i] >= 0x80)
            return false;
    return true;
}

#endif
