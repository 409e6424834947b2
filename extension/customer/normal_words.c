/*
 * normal_words.c: see normal_words.h.
 */
#include "customer/normal_words.h"

#include <string.h>

int
normal_split(const char *folded, int length, NormalPiece *pieces, int room)
{
    int count = 0;

    for (int start = 0; start < length && count < room;) {
        const char *blank = memchr(folded + start, ' ', (size_t) (length - start));
        int end = blank == NULL ? length : (int) (blank - folded);

        pieces[count++] = (NormalPiece){folded + start, end - start};
        start = end + 1;
    }
    return count;
}

bool
normal_piece_is(const NormalPiece *piece, const char *word)
{
    return strlen(word) == (size_t) piece->length && memcmp(piece->text, word, (size_t) piece->length) == 0;
}

int
normal_piece_digits(const NormalPiece *piece)
{
    int digits = 0;

    while (digits < piece->length && piece->text[digits] >= '0' && piece->text[digits] <= '9')
        digits++;
    return digits;
}

void
normal_add(NormalWords *words, const char *text, int length, NormalRole role)
{
    char *copy = words->buffer + words->used;

    if (length <= 0 || words->count >= NORMAL_MAX_WORDS || words->used + length > (int) sizeof words->buffer)
        return;
    for (int i = 0; i < words->count; i++)
        if (words->word[i].length == length && memcmp(words->word[i].text, text, (size_t) length) == 0)
            return;
    memcpy(copy, text, (size_t) length);
    words->word[words->count++] = (NormalWord){copy, (uint16_t) length, (uint8_t) role, false};
    words->used += length;
}

void
normal_add_all(NormalWords *words, const char *text, NormalRole role)
{
    NormalPiece piece[8];
    int count = normal_split(text, (int) strlen(text), piece, 8);

    for (int i = 0; i < count; i++)
        normal_add(words, piece[i].text, piece[i].length, role);
}

static uint32_t
hash_word(const char *word, int length)
{
    uint32_t hash = 2166136261u;

    for (int i = 0; i < length; i++)
        hash = (hash ^ (unsigned char) word[i]) * 16777619u;
    return hash ^ hash >> 15;
}

bool
normal_table_fill(const NormalTable *table)
{
    unsigned used = 0;

    for (int entry = 0; entry < table->count; entry++) {
        const char *words = table->entries[entry].words;

        for (int start = 0; words[start] != '\0';) {
            int length = (int) strcspn(words + start, " ");
            uint32_t hash = hash_word(words + start, length);
            unsigned place = hash & (table->size - 1);

            if (++used >= table->size)
                return false;
            while (table->slots[place].entry != 0)
                place = (place + 1) & (table->size - 1);
            table->slots[place] =
                (NormalSlot){(uint16_t) (hash >> 16), (uint16_t) (entry + 1), (uint16_t) start};
            start += length;
            start += words[start] == ' ';
        }
    }
    return true;
}

const NormalEntry *
normal_table_find(const NormalTable *table, const char *word, int length, unsigned *place)
{
    uint32_t hash = hash_word(word, length);

    for (unsigned step = *place;; step++) {
        const NormalSlot *slot = &table->slots[(hash + step) & (table->size - 1)];
        const NormalEntry *entry;
        const char *words;

        if (slot->entry == 0)
            return NULL;
        if (slot->hash != hash >> 16)
            continue;
        entry = &table->entries[slot->entry - 1];
        words = entry->words + slot->start;
        if (strncmp(words, word, (size_t) length) == 0 && (words[length] == ' ' || words[length] == '\0')) {
            *place = step + 1;
            return entry;
        }
    }
}
