// links: linker
/* Values as matching compares them: nothing leaves its room, words are inside of their buffer, and folding folds no further. */
#include "fuzz.h"
#include "customer/normal.h"

static void
check_words(const NormalWords *words)
{
    CHECK(words->count >= 0 && words->count <= NORMAL_MAX_WORDS);
    for (int i = 0; i < words->count; i++) {
        const NormalWord *word = &words->word[i];
        char code[NORMAL_MAX_CODE];
        uint16_t groups[16];

        CHECK(word->length > 0 && word->text >= words->buffer &&
              word->text + word->length <= words->buffer + sizeof words->buffer);
        CHECK(is_utf8(word->text, word->length) && !has_control(word->text, word->length));
        for (int other = 0; other < i; other++)
            CHECK(words->word[other].length != word->length ||
                  memcmp(words->word[other].text, word->text, word->length) != 0);
        {
            int code_length = normal_phonetic(word->text, word->length, code);
            int group_count = normal_nicknames(word->text, word->length, groups, 16);

            CHECK(code_length >= 0 && code_length <= NORMAL_MAX_CODE && group_count >= 0 &&
                  group_count <= 16);
        }
    }
}

static void
check_values(const char *text, size_t length)
{
    char out[64], date[8];
    int outward = 0, area = 0, at = 0, written;

    written = normal_postcode(text, length, out, 16, &outward, &area);
    CHECK(written >= 0 && written <= 16 && outward >= 0 && outward <= written && area >= 0 &&
          area <= written);
    written = normal_id(text, length, out, 20);
    CHECK(written >= 0 && written <= 20);
    written = normal_phone(text, length, "NL", 2, out, 24);
    CHECK(written >= 0 && written <= 24);
    written = normal_phone(text, length, NULL, 0, out, 3);
    CHECK(written >= 0 && written <= 3);
    written = normal_email(text, length, out, 40, &at);
    CHECK(written >= 0 && written <= 40 && (written == 0 || (at > 0 && at < written && out[at] == '@')));
    written = normal_website(text, length, out, 30);
    CHECK(written >= 0 && written <= 30);
    if (normal_date(text, length, date))
        for (int i = 0; i < 8; i++)
            CHECK(date[i] >= '0' && date[i] <= '9');
}

TARGET(normal)
{
    static NormalWords words;
    static NormalAddress address;
    static char folded[3 * NORMAL_MAX_TEXT], again[3 * NORMAL_MAX_TEXT];
    struct Input input = {data, size};
    size_t given_length, family_length, full_length;
    char *given = take_text(&input, 2000, &given_length), *family = take_text(&input, 2000, &family_length),
         *full;
    int length, again_length;

    full_length = input.size;
    full = copy_bytes(input.data, full_length);
    normal_person(given, given_length, family_length == 0 ? NULL : family, family_length,
                  full_length == 0 ? NULL : full, full_length, &words);
    check_words(&words);
    normal_company(full, full_length, &words);
    check_words(&words);
    normal_text(full, full_length, &words);
    check_words(&words);
    normal_address(full, full_length, &address);
    check_words(&address.street);
    CHECK(address.number_length >= 0 && address.number_length <= (int) sizeof address.number);
    check_values(full, full_length);
    check_values(given, given_length);
    length = normal_fold(full, full_length, folded);
    CHECK(length >= 0 && length <= (int) sizeof folded && is_utf8(folded, (size_t) length) &&
          !has_control(folded, (size_t) length));
    CHECK(length == 0 || (folded[0] != ' ' && folded[length - 1] != ' '));
    if (length <= NORMAL_MAX_TEXT) {
        char *copy = copy_bytes(folded, (size_t) length);

        again_length = normal_fold(copy, (size_t) length, again);
        CHECK(again_length == length && memcmp(again, folded, (size_t) length) == 0);
        free(copy);
    }
    free(given);
    free(family);
    free(full);
}
